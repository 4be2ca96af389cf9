"""Writing through a pipe, a device or a file that this process has open."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time

from spl_onnx.files.output import Output

#: Seconds that a named pipe may be without a reader.
PATIENCE = 10.0
_PAUSE = 0.01
_FLAGS = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def write_through(output: Output, content: bytes) -> None:
    """Write all of `content` to a stream.

    Raises:
        OSError: Nobody reads the pipe, or the device refuses.
    """
    if output.descriptor is None:
        descriptor = _opened(output)
    else:
        sys.stdout.flush()  # what was printed before stays before
        descriptor = os.dup(output.descriptor)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def _opened(output: Output) -> int:
    """A pipe without a reader would block for ever, so that is waited for a while only."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            descriptor = os.open(output.path, _FLAGS)
            break
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.ENXIO, f"nobody has read from this pipe for {PATIENCE:.0f} s") from None
            time.sleep(_PAUSE)
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "has become another file meanwhile")
    os.set_blocking(descriptor, True)
    return descriptor
