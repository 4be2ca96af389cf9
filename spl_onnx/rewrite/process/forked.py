"""Trying in a copy of this process what might end it."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path

#: The copy is looked at so often while it works.
_PAUSE_SECONDS = 0.002
#: A model of 2 GB is in memory a few times while onnx works on it.
_MOST_BYTES = 8 << 30


def survives(work: Callable[[], object], seconds: float = 600.0) -> bool:
    """Whether `work` comes to an end in a copy of this process, with a result or an exception.

    Without enough memory it does not, and it gets no more than `_MOST_BYTES` beside what is in use.

    The copy has no other threads, so `work` must not wait for one, and nothing of what it does remains. It is
    for native code that aborts on input which it should refuse.

    Args:
        work: What to try.
        seconds: It may take at most.
    """
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns where there are threads: the copy takes no lock that one of them may hold.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
    except OSError:  # no memory or no right for a copy: then nothing can be tried
        return True
    if child == 0:
        _run_and_leave(work)
    status = None
    try:
        deadline = time.monotonic() + seconds
        while status is None and time.monotonic() < deadline:
            finished, found = os.waitpid(child, os.WNOHANG)
            if finished:
                status = found
            else:
                time.sleep(_PAUSE_SECONDS)
    finally:  # late, or interrupted
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return status is not None and os.waitstatus_to_exitcode(status) == 0


def _run_and_leave(work: Callable[[], object]) -> None:
    """Run `work` and end the process without any clean-up, which belongs to the original."""
    code = 0
    try:
        faulthandler.disable()  # the end of this process is nobody's news
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _limit_memory()
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nothing, stream)
        work()
    except MemoryError:
        code = 1
    except BaseException:  # also of a signal: whatever it is, it is no end of the process
        code = 0
    finally:
        os._exit(code)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + _MOST_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
