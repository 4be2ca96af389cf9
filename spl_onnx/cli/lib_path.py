"""`spl-onnx lib-path`: where the operator library is."""

from __future__ import annotations

import argparse

from spl_onnx.cli.arguments import add_output_flags
from spl_onnx.plugin import get_library_path

HELP = "print the path of the operator library, for other languages and servers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No flags of its own."""
    add_output_flags(parser, json=False)


def run(args: argparse.Namespace) -> int:
    """Print the path and nothing else."""
    print(get_library_path())
    return 0
