"""Weights in a separate file: read from the model's folder only, written aligned so they can be mapped."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import onnx
from onnx import numpy_helper

from spl_onnx.errors import MissingDataError, ModelError
from spl_onnx.files import open_inside, resolve_output
from spl_onnx.files.data_names import HashedFile, naming
from spl_onnx.rewrite.graph.tensors import SMALL_TENSOR_BYTES, byte_size, element_count, model_tensors
from spl_onnx.spec.messages import array_of

#: Tensors start at multiples of this (a memory page), so that ONNX Runtime can map them without a copy.
ALIGNMENT = 4096
#: Digits of the largest file there can be.
_NUMBER = re.compile(r"[0-9]{1,19}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: Characters of a path that Linux takes, and of a text that a message shows.
_LONGEST_LOCATION, _LONGEST_SHOWN = 4095, 100


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the data of `tensor` is in a file."""
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def has_external_data(model: onnx.ModelProto) -> bool:
    """Whether any tensor of `model` is in a file."""
    return any(is_external(tensor) for tensor in model_tensors(model))


def load_external_data(model: onnx.ModelProto, folder: Path) -> tuple[Path, ...]:
    """Read all external tensors of `model` into it, in place.

    Returns:
        The files they were in.

    Raises:
        MissingDataError: A file is missing, or holds too few bytes.
        ModelError: A location leaves `folder`, is a link or no plain file, or type or size make no sense.
    """
    files = _Files(folder)
    try:
        for tensor in model_tensors(model):
            if is_external(tensor):
                _load(tensor, files)
    finally:
        files.close()
    return tuple(files.paths)


@dataclass(frozen=True)
class _Place:
    """Where the data of one tensor is."""

    location: str
    offset: int
    length: int


class _Files:
    """The files of a model's weights. The last one stays open: as a rule there is one for all tensors."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: tuple[str, Path, BinaryIO] | None = None
        #: All files that were opened, in order.
        self.paths: dict[Path, None] = {}

    def open(self, location: str, name: str) -> tuple[Path, BinaryIO]:
        """The file at `location` for the tensor `name`, and the same opened for reading."""
        if self._last is not None and self._last[0] == location:
            return self._last[1:]
        self.close()
        path = safe_location(location, self._folder, name)
        with _reported(path, name):
            file = open_inside(self._folder, path.relative_to(self._folder).parts)
        self._last = (location, path, file)
        self.paths[path] = None
        return path, file

    def close(self) -> None:
        """Close the file that is open, if any."""
        if self._last is not None:
            self._last[2].close()
        self._last = None


@contextmanager
def _reported(path: Path, name: str) -> Iterator[None]:
    """Failures of the operating system as errors of the model."""
    try:
        yield
    except FileNotFoundError as error:
        raise MissingDataError(
            f"weights '{name}': file {path} cannot be read ({error.strerror}); keep it beside the model"
        ) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _link_error(path, name) from error
        raise ModelError(
            f"weights '{name}': file {path} cannot be read ({error.strerror}); keep it beside the model"
        ) from error
    except MemoryError as error:
        raise ModelError(f"weights '{name}': {path} does not fit into memory") from error


def _load(tensor: onnx.TensorProto, files: _Files) -> None:
    place = _place(tensor)
    path, file = files.open(place.location, tensor.name)
    with _reported(path, tensor.name):
        # The size is compared first: what a model announces may be more than any memory.
        got = max(0, min(place.length, os.fstat(file.fileno()).st_size - place.offset))
        if got == place.length:
            file.seek(place.offset)
            data = file.read(place.length)
            got = len(data)
            tensor.raw_data = data
    if got != place.length:
        raise MissingDataError(
            f"weights '{tensor.name}': {path} ends early, got {got} of {place.length} bytes at offset "
            f"{place.offset}; it is truncated or belongs to another model"
        )
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")


def _place(tensor: onnx.TensorProto) -> _Place:
    """What the model says about the data of `tensor`, checked against its type and shape.

    Raises:
        ModelError: The two contradict each other, or make no sense.
    """
    info = {entry.key: entry.value for entry in tensor.external_data}
    expected = _expected_bytes(tensor)
    numbers = {key: info.get(key, default) for key, default in (("offset", "0"), ("length", str(expected)))}
    for key, text in numbers.items():
        if not _NUMBER.fullmatch(text):
            raise ModelError(f"weights '{tensor.name}': {key} {_shown(text)} is no number of bytes")
    offset, length = int(numbers["offset"]), int(numbers["length"])
    if length != expected:
        raise ModelError(
            f"weights '{tensor.name}': {length} bytes at offset {offset} of "
            f"{_shown(info.get('location', ''))}, wanted {expected} for {element_count(tensor)} elements"
        )
    return _Place(info.get("location", ""), offset, length)


def _expected_bytes(tensor: onnx.TensorProto) -> int:
    known = tensor.data_type in onnx.TensorProto.DataType.values()
    if not known or tensor.data_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        raise ModelError(
            f"weights '{tensor.name}': got data type {tensor.data_type} in a file, wanted a type of numbers"
        )
    if any(dim < 0 for dim in tensor.dims):
        raise ModelError(f"weights '{tensor.name}': got shape {list(tensor.dims)}, wanted no negative sizes")
    return byte_size(tensor)


def user_of(path: Path) -> Path | None:
    """A model whose weights are in the file at `path`, beside it; None where there is none."""
    try:
        output = resolve_output(path)
    except OSError:
        return None
    if output.is_stream or output.old is None:
        return None
    folder, name = output.path.parent, output.path.name
    found = (model for model in naming(folder, name) if name in _locations(model))
    return next(found, None)


def _locations(path: Path) -> set[str]:
    """Where a model file has its weights; nothing where it is no model."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except Exception:  # of the system, or protobuf's DecodeError, whose module has no types
        return set()
    entries = (entry for tensor in model_tensors(model) for entry in tensor.external_data)
    return {entry.value for entry in entries if entry.key == "location"}


def safe_location(location: str, folder: Path, name: str) -> Path:
    """The file of an external tensor, which must be inside `folder`.

    Raises:
        ModelError: The location is empty, absolute, has '.', '..' or control characters in it, or leads
            through a link.
    """
    parts = location.replace("\\", "/").split("/")
    too_long = len(location) > _LONGEST_LOCATION
    if too_long or ":" in parts[0] or {"", ".", ".."} & set(parts) or _CONTROL.search(location):
        raise ModelError(
            f"weights '{name}': location {_shown(location)} is refused; "
            "wanted a relative path inside the model's folder"
        )
    path = folder
    for part in parts:
        path = path / part
        with _reported(path, name):
            linked = path.is_symlink()
        if linked:
            raise _link_error(path, name)
    return path


def _link_error(path: Path, name: str) -> ModelError:
    return ModelError(
        f"weights '{name}': {path} is a link and is refused; put the file itself beside the model"
    )


def _shown(text: object) -> str:
    """A text of the model, short and printable."""
    shown = repr(text)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}... ({len(shown)} characters)"


def write_large_tensors(model: onnx.ModelProto, light: onnx.ModelProto, file: HashedFile) -> None:
    """Write the large initializers of the main graph.

    Args:
        model: The model; not changed.
        light: Its copy without data; it refers to the places afterwards, and `set_location` names the file.
        file: Where they go.

    Raises:
        ModelError: The data of a tensor does not belong to its type and shape.
    """
    for tensor, reference in zip(model.graph.initializer, light.graph.initializer, strict=True):
        if byte_size(tensor) <= SMALL_TENSOR_BYTES:
            continue
        file.write(bytes(-file.position % ALIGNMENT))
        offset = file.position
        file.write(_data_of(tensor))
        _refer(tensor, reference, offset, file.position - offset)


def _data_of(tensor: onnx.TensorProto) -> bytes:
    """The data of a tensor as a file holds it.

    Raises:
        ModelError: It does not belong to the tensor's type and shape.
    """
    expected, data = byte_size(tensor), b""
    if tensor.HasField("raw_data"):
        data = tensor.raw_data
    elif (values := array_of(tensor)) is not None:
        # Types that share a byte have one each in the array, and are packed by from_array.
        packed = values.nbytes != expected
        data = numpy_helper.from_array(values).raw_data if packed else values.tobytes()
    if len(data) != expected:
        raise ModelError(
            f"weights '{tensor.name}': got {len(data)} bytes of data that fit, wanted {expected} "
            f"for {element_count(tensor)} elements"
        )
    return data


def _refer(source: onnx.TensorProto, reference: onnx.TensorProto, offset: int, length: int) -> None:
    if source.HasField("doc_string"):
        reference.doc_string = source.doc_string
    reference.metadata_props.extend(source.metadata_props)
    del reference.external_data[:]
    for key, value in (("location", ""), ("offset", str(offset)), ("length", str(length))):
        reference.external_data.add(key=key, value=value)


def set_location(light: onnx.ModelProto, name: str) -> None:
    """Name the file of all tensors that `write_large_tensors` wrote."""
    for tensor in light.graph.initializer:
        if is_external(tensor):
            next(entry for entry in tensor.external_data if entry.key == "location").value = name
