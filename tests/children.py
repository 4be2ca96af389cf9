"""Python code in a process of its own, which finds the same packages as the tests do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.datasets import PROJECT


def run_code(code: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` with the words as its arguments.

    Args:
        code: the program.
        words: its arguments.
        folder: where it runs. Python looks there first, so it must not be the checkout, whose source folder
            would hide the installed package.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(PROJECT)])}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=600
    )
