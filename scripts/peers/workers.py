"""The other end of `child.py`: starts an engine's process and talks to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from scripts.peers.engines import Array, Setup

_MODULE = "scripts.peers.child"
_PROJECT = Path(__file__).resolve().parents[2]


class EngineError(Exception):
    """An engine that cannot do what it is asked; the message is one line."""


@dataclass(frozen=True)
class Opened:
    """What opening a network took.

    Attributes:
        seconds: time of opening it, with its libraries already imported.
        before_mb: most memory held before, by Python and those libraries.
        says: what the engine tells of itself.
    """

    seconds: float
    before_mb: float
    says: Mapping[str, str]


class Worker:
    """An engine in a process of its own, so that neither threads nor failures of one reach another.

    Args:
        images: path of an .npy file, [count, C, H, W] float32.
        environment: variables the process gets beside those of this one.
    """

    def __init__(self, images: Path, environment: Mapping[str, str]) -> None:
        path = os.pathsep.join([*filter(None, sys.path), str(_PROJECT)])
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (see close)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, str(images)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **environment, "PYTHONPATH": path},
        )

    def open(self, setup: Setup) -> Opened:
        """Open a network.

        Raises:
            EngineError: the engine refuses it, or is not there.
        """
        return Opened(**self._ask(do="open", setup=asdict(setup)))

    def times(self, first: int, runs: int, warmup: int) -> list[float]:
        """Times in ms of `runs` batches from batch `first` on, after `warmup` runs of that one.

        Raises:
            EngineError: a run fails.
        """
        return list(self._ask(do="time", first=first, runs=runs, warmup=warmup)["ms"])

    def outputs(self, images: int) -> Array:
        """Outputs for the first `images` images, those that fill no batch left out.

        Raises:
            EngineError: a run fails.
        """
        with tempfile.TemporaryDirectory(prefix="spl-onnx-") as folder:
            path = f"{folder}/outputs.npy"
            self._ask(do="outputs", images=images, path=path)
            return np.asarray(np.load(path))

    def peak_mb(self) -> float:
        """The most memory its process has held so far, in MB."""
        return float(self._ask(do="peak")["mb"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._process.kill()
        self.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None and answers is not None
        try:
            requests.write(json.dumps(request) + "\n")
            requests.flush()
        except BrokenPipeError as error:
            raise EngineError(self._last_words()) from error
        line = answers.readline()
        if not line:
            raise EngineError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineError(" ".join(answer["error"].split()))
        return answer

    def _last_words(self) -> str:
        """Why the process ended, as far as it said so."""
        code = self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return f"its process ended with {code}: {lines[-1] if lines else 'no message'}"
