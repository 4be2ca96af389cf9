"""Replacing files whole: a reader, a second writer or a crash sees the old files or the new ones.

Everything is written and synced under names of its own. Then, with the folder locked: the data file gets its
name, which nothing has yet; the file that refers to it takes the place of the old one in one step; and what
the old one needed is removed. A run that is killed on the way leaves the old files whole, and a list of the
names it was about to give or to remove, so that the next run in the folder can finish that.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from spl_onnx.files.data_names import HashedFile, data_names, free_name
from spl_onnx.files.kinds import kind_of
from spl_onnx.files.litter import remove_litter, remove_unused
from spl_onnx.files.locks import locked_folder, sync_folder
from spl_onnx.files.output import Output
from spl_onnx.files.stream import write_through
from spl_onnx.files.temporary import NAMES, Temporary


def write_file(output: Output, content: bytes) -> tuple[Path, ...]:
    """Replace a file by `content`, or write that through a stream.

    Returns:
        The file; nothing for a stream.

    Raises:
        OSError: It cannot be written. A file is then as it was.
    """
    if output.is_stream:
        write_through(output, content)
        return ()
    folder = output.path.parent
    with Temporary(folder, output.old) as head:
        head.file.write(content)
        head.sync()
        with locked_folder(folder) as alone:
            _put(output.path, head, None, None, alone)
    return (output.path,)


def write_pair(
    output: Output, write_data: Callable[[HashedFile], None], head_for: Callable[[str], bytes]
) -> tuple[Path, ...]:
    """Replace a file and its data file; both appear, or neither.

    Args:
        output: The file.
        write_data: Writes the data file's content.
        head_for: Gives the file's content for the name of the data file.

    Returns:
        The file and its data file.

    Raises:
        OSError: They cannot be written, or the output is a stream. Files that were there are as they were.
    """
    check_pair(output)
    folder = output.path.parent
    with Temporary(folder, output.old) as data, Temporary(folder, output.old) as head:
        hashed = HashedFile(data.file)
        write_data(hashed)
        data.sync()
        with locked_folder(folder) as alone:
            place = output.path.with_name(free_name(output.path, hashed.digest, data.file))
            head.file.write(head_for(place.name))
            head.sync()
            _put(output.path, head, data, place, alone)
    return output.path, place


def check_pair(output: Output) -> None:
    """Refuse an output that cannot have a data file beside it.

    Raises:
        OSError: It is a stream, or a link into another folder.
    """
    if output.is_stream:
        raise OSError(errno.EINVAL, "is no plain file, so weights cannot be beside it")
    if output.link_folder is not None:
        raise OSError(
            errno.EINVAL, "is a link into another folder, and readers look for weights beside the link"
        )


def _put(target: Path, head: Temporary, data: Temporary | None, place: Path | None, alone: bool) -> None:
    """Give the complete files their names, and remove what they replace.

    Without a lock others may be about to use what looks unused, so everything stays.
    """
    old = data_names(target) if alone else set()
    names = old if place is None else old | {place.name}
    with _listed(target.parent, names) if names else nullcontext() as listed:
        try:
            _move(target, head, data, place)
        except BaseException:
            if listed is not None:
                listed.kept = False
            raise
        sync_folder(target.parent)
        if alone:
            remove_unused(target.parent, old)
            remove_litter(target.parent)
        if listed is not None:
            listed.kept = False


def _move(target: Path, head: Temporary, data: Temporary | None, place: Path | None) -> None:
    """The data file first; it goes again where the file that needs it does not come."""
    try:
        if data is not None and place is not None and not os.path.lexists(place):
            data.move_to(place)
            sync_folder(target.parent)  # before the file that needs it
        _refuse_other_kinds(target)
        head.move_to(target)
    except BaseException:
        if data is not None and place is not None and data.is_at(place) and not head.is_at(target):
            place.unlink()
        raise


def _listed(folder: Path, names: set[str]) -> Temporary:
    """The list of names that must be in use, or go. It stays until that is so, however this run ends."""
    made = Temporary(folder, ending=NAMES)
    try:
        made.file.write("\n".join(sorted(names)).encode("utf-8"))
        made.sync()
    except BaseException:
        made.__exit__(None, None, None)
        raise
    made.kept = True
    return made


def _refuse_other_kinds(target: Path) -> None:
    """What was looked at before long work may be another thing now."""
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(
            errno.EINVAL, f"has become {'a link' if stat.S_ISLNK(mode) else kind_of(mode)} meanwhile"
        )
