"""Trying in a copy of this process what might end it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import time
from collections.abc import Callable

#: The copy is looked at so often while it works.
_PAUSE_SECONDS = 0.002


def survives(work: Callable[[], object], seconds: float = 60.0) -> bool:
    """Whether `work` comes to an end, with a result or an exception, in a copy of this process.

    The copy has no other threads, so `work` must not wait for one, and nothing of what it does remains. It is
    for native code that aborts on input which it should refuse.

    Args:
        work: What to try.
        seconds: It may take at most.
    """
    child = os.fork()
    if child == 0:
        _run_and_leave(work)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(_PAUSE_SECONDS)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run_and_leave(work: Callable[[], object]) -> None:
    """Run `work` and end the process without any clean-up, which belongs to the original."""
    with contextlib.suppress(BaseException):
        faulthandler.disable()  # the end of this process is nobody's news
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nothing, stream)
        work()
    os._exit(0)
