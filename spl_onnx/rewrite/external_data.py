"""Weights in a separate file: read from the model's folder only, written aligned so they can be mapped."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import numpy_helper

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.tensors import (
    SMALL_TENSOR_BYTES,
    byte_size,
    copy_without_data,
    element_count,
    model_tensors,
)

#: Tensors start at multiples of this (a memory page), so that ONNX Runtime can map them without a copy.
ALIGNMENT = 4096


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the data of `tensor` is in a file."""
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def has_external_data(model: onnx.ModelProto) -> bool:
    """Whether any tensor of `model` is in a file."""
    return any(is_external(tensor) for tensor in model_tensors(model))


def load_external_data(model: onnx.ModelProto, folder: Path) -> None:
    """Read all external tensors of `model` into it, in place.

    Raises:
        ModelError: A location leaves `folder` or is a link, a file is missing, or holds too few bytes.
    """
    for tensor in model_tensors(model):
        if is_external(tensor):
            _load(tensor, folder)


def _load(tensor: onnx.TensorProto, folder: Path) -> None:
    info = {entry.key: entry.value for entry in tensor.external_data}
    path = safe_location(info.get("location", ""), folder, tensor.name)
    expected = byte_size(tensor)
    try:
        offset = int(info.get("offset", 0))
        length = int(info.get("length", expected))
    except ValueError:
        raise ModelError(
            f"weights '{tensor.name}': offset or length in {path.name} is not a number"
        ) from None
    if offset < 0 or length != expected:
        raise ModelError(
            f"weights '{tensor.name}': {length} bytes at offset {offset} of {path.name}, "
            f"wanted {expected} for {element_count(tensor)} elements"
        )
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
    except OSError as error:
        raise ModelError(
            f"weights '{tensor.name}': file {path} cannot be read ({error.strerror}); "
            "keep it beside the model"
        ) from error
    if len(data) != length:
        raise ModelError(
            f"weights '{tensor.name}': {path} ends early, got {len(data)} of {length} bytes at offset "
            f"{offset}; it is truncated or belongs to another model"
        )
    tensor.raw_data = data
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")


def safe_location(location: str, folder: Path, name: str) -> Path:
    """The file of an external tensor, which must be inside `folder`.

    Raises:
        ModelError: The location is empty, absolute, has '..' in it, or goes through a link.
    """
    parts = location.replace("\\", "/").split("/")
    if not location or location.startswith(("/", "\\")) or ":" in parts[0] or ".." in parts:
        raise ModelError(
            f"weights '{name}': location {location!r} is refused; "
            "wanted a relative path inside the model's folder"
        )
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise ModelError(
                f"weights '{name}': {path} is a link and is refused; put the file itself beside the model"
            )
    return path


def plan_data_file(target: Path) -> tuple[Path, Path | None]:
    """Where the weights of the model file `target` go, and the old data file that is then no longer used.

    A file of that name that something else uses is never touched.
    """
    first, second = (target.with_name(f"{target.name}{suffix}") for suffix in (".data", ".2.data"))
    used = _locations(target)
    current = next((path for path in (first, second) if path.name in used), None)
    if current is None:
        number = 2
        free = first
        while free.exists():
            number += 1
            free = target.with_name(f"{target.name}.{number}.data")
        return free, None
    other = second if current == first else first
    return other, current


def _locations(target: Path) -> set[str]:
    """Data files of the model that is at `target` now."""
    try:
        model = onnx.load(str(target), load_external_data=False)
    except Exception:  # nothing there, or no model: then it uses no data file
        return set()
    entries = (entry for tensor in model_tensors(model) for entry in tensor.external_data)
    return {entry.value for entry in entries if entry.key == "location"}


def write_data_file(model: onnx.ModelProto, path: Path, location: str) -> onnx.ModelProto:
    """Write the large initializers of the main graph to `path`.

    Args:
        model: The model; not changed.
        path: The file to write.
        location: The name of that file in the model.

    Returns:
        A copy of the model that refers to them.
    """
    light = copy_without_data(model)
    with path.open("xb") as file:
        for tensor, reference in zip(model.graph.initializer, light.graph.initializer, strict=True):
            if byte_size(tensor) <= SMALL_TENSOR_BYTES:
                continue
            file.seek(-(-file.tell() // ALIGNMENT) * ALIGNMENT)
            offset = file.tell()
            data = tensor.raw_data if tensor.HasField("raw_data") else numpy_helper.to_array(tensor).tobytes()
            file.write(data)
            _refer(tensor, reference, location, offset, len(data))
    return light


def _refer(
    source: onnx.TensorProto, reference: onnx.TensorProto, location: str, offset: int, length: int
) -> None:
    if source.HasField("doc_string"):
        reference.doc_string = source.doc_string
    reference.metadata_props.extend(source.metadata_props)
    del reference.external_data[:]
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(length))):
        reference.external_data.add(key=key, value=value)
