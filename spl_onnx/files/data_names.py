"""Names of the data file beside a file: they hold a hash of the content.

So a file and data that do not belong together never meet, whoever writes and reads at the same time: the file
names the content it wants, and that name never stands for other content.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from spl_onnx.files.reading import open_plain
from spl_onnx.files.temporary import PATTERN

_HASH_BYTES = 8
_ENDING = re.compile(r"\.[0-9a-f]{16}(?:\.\d{1,4})?\.data\Z")
_LONGEST_ENDING = len(".0123456789abcdef.9999.data")
_CHUNK = 1 << 24
#: Separators and drives in the eyes of some reader, and characters that no name should have.
_UNSAFE = re.compile(r"[\\:\x00-\x1f\x7f]")
#: Every model file begins so: the field of the version comes first.
_FIRST_BYTE = b"\x08"


class HashedFile:
    """What is written, and its hash.

    Args:
        file: Where it is written, from its beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.blake2b(digest_size=_HASH_BYTES)
        #: Bytes written so far.
        self.position = 0

    def write(self, data: bytes) -> None:
        """Append `data`."""
        self._file.write(data)
        self._hash.update(data)
        self.position += len(data)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits."""
        return self._hash.hexdigest()


def free_name(target: Path, digest: str, content: BinaryIO) -> str:
    """The name of the data file of `target`: of a file with the same content, or one that nothing has."""
    number = 1
    while True:
        name = _stem(target) + (f".{digest}.data" if number == 1 else f".{digest}.{number}.data")
        path = target.with_name(name)
        if not os.path.lexists(path) or _holds(path, content):
            return name
        number += 1


def is_data_name(name: str) -> bool:
    """Whether a name is one of a data file."""
    return _ENDING.search(name) is not None


def data_names(target: Path) -> set[str]:
    """Data files that the file at `target` refers to now."""
    stem = _stem(target)
    names = [name for name in _listed(target.parent) if name.startswith(stem)]
    return {name for name in names if _ENDING.fullmatch(name[len(stem) :]) and _mentions(target, name)}


def unused(folder: Path, names: set[str]) -> set[str]:
    """Those of `names` that no model in `folder` refers to, for a model may have been copied or renamed."""
    if not names:
        return set()
    models = _models(folder)
    return {name for name in names if not any(_mentions(path, name, unreadable=True) for path in models)}


def naming(folder: Path, name: str) -> list[Path]:
    """Models in `folder` in which `name` stands, whatever for."""
    return [path for path in _models(folder) if _mentions(path, name)]


def _stem(target: Path) -> str:
    """The beginning of the data file's name: the target's, as much as fits of what is safe."""
    try:
        longest = os.pathconf(target.parent, "PC_NAME_MAX")
    except (OSError, ValueError):
        longest = 255
    safe = _UNSAFE.sub("_", target.name).encode("utf-8", "ignore")
    return safe[: longest - _LONGEST_ENDING].decode("utf-8", "ignore")


def _listed(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _models(folder: Path) -> list[Path]:
    names = [name for name in _listed(folder) if not (is_data_name(name) or PATTERN.fullmatch(name))]
    return [folder / name for name in names if name.endswith(".onnx") or _is_model(folder / name)]


def _is_model(path: Path) -> bool:
    with suppress(OSError), open_plain(path) as file:
        return file.read(1) == _FIRST_BYTE
    return False


def _mentions(path: Path, name: str, *, unreadable: bool = False) -> bool:
    """Whether a name stands in a file. That is enough: a data file is kept rather once too often.

    Args:
        path: The file.
        name: The name.
        unreadable: The answer where the file is there and cannot be read.
    """
    wanted = name.encode("utf-8", "surrogateescape")
    try:
        with open_plain(path) as file:
            end = b""
            while chunk := file.read(_CHUNK):
                if wanted in end + chunk:
                    return True
                end = chunk[-len(wanted) :]
    except FileNotFoundError:
        return False
    except OSError:
        return unreadable
    return False


def _holds(path: Path, content: BinaryIO) -> bool:
    """Whether `path` is a plain file, no link, with exactly this content."""
    content.flush()
    content.seek(0)
    with suppress(OSError), open_plain(path, follow=False) as file:
        if os.fstat(file.fileno()).st_size != os.fstat(content.fileno()).st_size:
            return False
        while chunk := file.read(_CHUNK):
            if chunk != content.read(len(chunk)):
                return False
        return True
    return False
