"""Running models in a child process, so that an abort inside ONNX Runtime becomes a message."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from types import TracebackType
from typing import IO, Any

from spl_onnx.arrays import Array
from spl_onnx.errors import PluginError
from spl_onnx.rewrite.process.child import Answer, Job, answer

#: Seconds a job may take, its session included, where nothing is known of the model. Some gigabytes take one
#: or two minutes.
LIMIT_S = 1800.0
#: Characters of what a child that died wrote last.
_LAST_WORDS = 200
_PROGRAM = (
    "import sys; sys.path[:] = {paths!r}; "
    "from spl_onnx.rewrite.process.child import serve; serve({descriptor})"
)


class RunError(Exception):
    """A model does not run; the text is ONNX Runtime's, or says how it ended the process."""


class Runner:
    """Runs jobs in one child process, which is started when first needed and again after it died.

    Where no child can be started (a frozen program, no right to make processes) jobs run in this process. It
    is a context manager; the child ends with it.

    Attributes:
        limit_s: Seconds a job may take.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self.limit_s = limit_s
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Any = None
        self._words: IO[bytes] | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, job: Job) -> tuple[list[Array], ...]:
        """The outputs of every run of a job.

        Raises:
            RunError: The model does not run, takes too long, or ends the process.
            PluginError: The library is wanted and cannot be used.
        """
        got = self._ask(job) if self._started() else answer(job)
        if got.unusable:
            raise PluginError(got.problem)
        if got.problem:
            raise RunError(got.problem)
        return got.runs

    def close(self) -> None:
        """End the child; it has nothing to save."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._words is not None:
            self._words.close()
            self._words = None

    def _started(self) -> bool:
        """Whether there is a child; it is started where there is none."""
        if self._child is not None:
            return True
        # A frozen program is its own interpreter: started again, it would do its own work again.
        if not sys.executable or getattr(sys, "frozen", False):
            return False
        self._pipe, theirs = Pipe()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  closed with the child
        paths = [path for path in sys.path if isinstance(path, str)]
        program = _PROGRAM.format(paths=paths, descriptor=theirs.fileno())
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-c", program],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
            )
            theirs.close()
            self._pipe.recv()
        except (EOFError, OSError):
            self.close()
            return False
        finally:
            theirs.close()
        return True

    def _ask(self, job: Job) -> Answer:
        try:
            self._pipe.send(job)
            if not self._pipe.poll(self.limit_s):
                self.close()
                return Answer(problem=f"ONNX Runtime did not finish within {self.limit_s:.3g} s")
            found: Answer = self._pipe.recv()
        except (EOFError, OSError):
            return Answer(problem=self._epitaph())
        return found

    def _epitaph(self) -> str:
        """How the child ended, and what it said last."""
        assert self._child is not None and self._words is not None
        code = self._child.wait()
        how = f"by {_signal_name(-code)}" if code < 0 else f"with exit code {code}"
        self._words.seek(0)
        words = " ".join(self._words.read().decode(errors="replace").split())
        self.close()
        return f"ONNX Runtime ended its process {how}{': ' if words else ''}{words[-_LAST_WORDS:]}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
