"""Arrays in .npz files, read in pieces."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from spl_onnx.arrays import Array
from spl_onnx.data.inputs import InputSpec, check_array
from spl_onnx.data.reader import Feeds, Reader
from spl_onnx.errors import DataError
from spl_onnx.spec.messages import value_count

LABELS = "y"
DATA = "x"
#: Bytes of one batch: more of them would hardly be meant.
_MOST_BYTES = 4 << 30


@dataclass(frozen=True)
class Member:
    """One array of an .npz file, known by its header only."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class NpzReader(Reader):
    """One or more .npz files with `x`, or with arrays named as the model's inputs; both with an optional `y`.

    The first dimension of every array counts samples. `y` holds class numbers [n], or reference outputs
    [n, ...]. A batch never spans two files, so files may differ in image size where the model allows it.
    """

    def __init__(
        self, files: list[Path], specs: list[InputSpec], batch: int, limit: int | None = None
    ) -> None:
        """Read the headers of all files and check them against the model.

        Raises:
            DataError: a file is broken or empty, or names, types or shapes do not fit the model.
        """
        super().__init__()
        self._batch = batch
        self._labels_are_input = LABELS in {spec.name for spec in specs}
        self._files = [(file, _checked_members(file, specs)) for file in files]
        total = sum(_samples(members) for _, members in self._files)
        self._count = total if limit is None else min(limit, total)

    def __len__(self) -> int:
        """Number of samples."""
        return self._count

    def batches(self) -> Iterator[tuple[Feeds, Array | None]]:
        """Yield (feeds, labels or None) in the order of the files."""
        left = self._count
        for _, members in self._files:
            count = min(left, _samples(members))
            left -= count
            if count:
                yield from self._file_batches(members, count)

    def _file_batches(self, members: dict[str, Member], count: int) -> Iterator[tuple[Feeds, Array | None]]:
        streams = {name: _rows(member, self._batch, count) for name, member in members.items()}
        for _ in range(0, count, self._batch):
            feeds = {name: next(stream) for name, stream in streams.items()}
            labels = None if self._labels_are_input else feeds.pop(LABELS, None)
            yield feeds, labels


def _checked_members(file: Path, specs: list[InputSpec]) -> dict[str, Member]:
    """Arrays of a file by input name, and `y` under its own name."""
    members = _members(file)
    labelled = {LABELS} if LABELS in members and LABELS not in {spec.name for spec in specs} else set()
    names = set(members) - labelled
    if names == {DATA} and len(specs) == 1:
        members = {specs[0].name: members[DATA], **{name: members[name] for name in labelled}}
    elif names != {spec.name for spec in specs}:
        wanted = ", ".join(repr(spec.name) for spec in specs)
        alternative = f" or {DATA!r}" if len(specs) == 1 else ""
        got = ", ".join(map(repr, sorted(members))) or "(none)"
        raise DataError(f"{file}: got arrays {got}, wanted {wanted}{alternative}, and optionally {LABELS!r}")
    _check_lengths(file, members)
    for spec in specs:
        _check_member(members[spec.name], spec)
    return members


def _check_lengths(file: Path, members: dict[str, Member]) -> None:
    lengths = {name: member.shape[0] if member.shape else 0 for name, member in members.items()}
    if len(set(lengths.values())) != 1:
        text = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise DataError(f"{file}: arrays differ in their number of samples ({text}), wanted one for all")
    if next(iter(lengths.values())) == 0:
        raise DataError(f"{file}: got no samples, wanted at least one")


def _check_member(member: Member, spec: InputSpec) -> None:
    """Check type and sample shape through an array that takes no memory."""
    shape = (spec.batch or member.shape[0], *member.shape[1:])
    stand_in = np.broadcast_to(np.zeros((), member.dtype), shape)
    check_array(stand_in, spec, f"{member.file}: array {member.name!r}")


def _samples(members: dict[str, Member]) -> int:
    return next(iter(members.values())).shape[0]


def _members(file: Path) -> dict[str, Member]:
    try:
        with zipfile.ZipFile(file) as archive:
            found = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name[:-4]: _header(file, archive, name) for name in found}
    except FileNotFoundError:
        raise DataError(f"{file}: not found") from None
    except DataError:
        raise
    except Exception as error:  # of the archive, its compression, and the text of headers
        raise DataError(f"{file}: cannot be read as .npz: {error}") from error


def _header(file: Path, archive: zipfile.ZipFile, name: str) -> Member:
    with archive.open(name) as stream:
        shape, fortran, dtype = _read_header(stream)
        start = stream.tell()
    if dtype.hasobject or fortran:
        kind = "Python objects" if dtype.hasobject else "columns first (Fortran order)"
        raise DataError(f"{file}: array {name[:-4]!r} holds {kind}, wanted numbers in C order")
    wanted, got = value_count(shape) * dtype.itemsize, archive.getinfo(name).file_size - start
    if 0 in shape[1:] or dtype.itemsize == 0:
        raise DataError(f"{file}: array {name[:-4]!r} is {dtype} {list(shape)}, wanted samples with values")
    if min(shape, default=0) < 0 or wanted != got:
        raise DataError(
            f"{file}: array {name[:-4]!r} has {got} bytes, its header says {dtype} {list(shape)}, "
            f"which are {wanted}; the file is damaged"
        )
    return Member(file, name[:-4], shape, dtype)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return tuple(int(size) for size in shape), bool(fortran), dtype


def _rows(member: Member, batch: int, count: int) -> Iterator[Array]:
    """Yield `count` rows of an array, `batch` at a time, decompressing no further than needed."""
    row_shape = member.shape[1:]
    row_bytes = value_count(row_shape) * member.dtype.itemsize
    if min(batch, count) * row_bytes > _MOST_BYTES:
        raise DataError(
            f"{member.file}: {min(batch, count)} samples of array {member.name!r} have more than "
            f"{_MOST_BYTES >> 30} GiB, wanted a smaller --batch"
        )
    with zipfile.ZipFile(member.file) as archive, archive.open(member.name + ".npy") as stream:
        _read_header(stream)
        for start in range(0, count, batch):
            rows = min(batch, count - start)
            content = _read(stream, rows * row_bytes, member)
            yield np.frombuffer(content, member.dtype).reshape(rows, *row_shape)


def _read(stream: IO[bytes], size: int, member: Member) -> bytes:
    try:
        content = stream.read(size)
    except Exception as error:  # of the archive and its compression
        raise DataError(f"{member.file}: array {member.name!r} cannot be read: {error}") from error
    if len(content) != size:
        raise DataError(f"{member.file}: array {member.name!r} is shorter than its header says")
    return content
