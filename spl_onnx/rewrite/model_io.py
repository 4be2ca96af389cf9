"""Reading and writing model files: clear errors on the way in, all or nothing on the way out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.external_data import (
    has_external_data,
    load_external_data,
    plan_data_file,
    write_data_file,
)
from spl_onnx.rewrite.tensors import total_bytes
from spl_onnx.rewrite.tidy import tidied, tidy

#: A protobuf file ends at 2 GiB; the rest of the model needs room too.
MAX_INLINE_BYTES = 1_900_000_000


@dataclass
class LoadedModel:
    """A model in memory, with all its weights.

    Attributes:
        model: The model.
        path: Where it came from, if from a file.
        external_data: True if its weights were in a separate file, None if not.
        notes: Things the user should know.
    """

    model: onnx.ModelProto
    path: Path | None = None
    external_data: bool | None = None
    notes: list[str] = field(default_factory=list)


def read_model(model: onnx.ModelProto | str | Path) -> LoadedModel:
    """A model with where it came from. A ModelProto is never changed.

    Raises:
        ModelError: The file is missing, truncated or no ONNX model, its weights cannot be read, or
            its names or nodes contradict each other.
    """
    if isinstance(model, onnx.ModelProto):
        if has_external_data(model):
            raise ModelError(
                "the model in memory refers to weights in a file; pass its path, "
                "or load it with its external data"
            )
        return LoadedModel(tidied(model))
    path = Path(model)
    proto = _parse(path)
    external = has_external_data(proto)
    if external:
        load_external_data(proto, path.parent)
    return LoadedModel(proto, path, True if external else None)


def load_model(path: str | Path) -> onnx.ModelProto:
    """The model in a file, with all its weights in memory; errors as `read_model`."""
    return read_model(Path(path)).model


def _parse(path: Path) -> onnx.ModelProto:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf's DecodeError, whose module has no types
        raise ModelError(
            f"{path}: not an ONNX model, or truncated ({len(content)} bytes, {error}); "
            "check the download against its published size"
        ) from error
    if not model.HasField("graph") or not model.graph.node or not model.opset_import:
        raise ModelError(
            f"{path}: holds no ONNX graph ({len(content)} bytes); wanted a model file as onnx.save writes it"
        )
    tidy(model)
    return model


def save_model(
    model: onnx.ModelProto,
    path: str | Path,
    external_data: bool | None = None,
    threshold: int = MAX_INLINE_BYTES,
) -> None:
    """Write `model` to `path`, all or nothing.

    Args:
        model: The model; not changed.
        path: The file. Its weights go to `<path>.data` beside it if they are external.
        external_data: Whether large tensors go to the separate file; None = above `threshold`. Above 2 GB
            they do in any case.
        threshold: Size of all tensors in bytes.

    Raises:
        ModelError: The files cannot be written. An existing file is then as it was.
    """
    target = Path(path)
    size = total_bytes(model)
    external = size > threshold if external_data is None else external_data
    try:
        if external or size > MAX_INLINE_BYTES:
            _save_with_data(model, target)
        else:
            _replace_with(target, model.SerializeToString())
    except OSError as error:
        raise ModelError(
            f"{target}: cannot be written ({error.strerror or error}); choose another output"
        ) from error


def _replace_with(target: Path, content: bytes) -> None:
    """Put `content` into place by renaming a complete file."""
    temporary = temporary_name(target)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _save_with_data(model: onnx.ModelProto, target: Path) -> None:
    """Write model and weights; both appear, or neither.

    The data file gets a name that the present model file at `target` does not use, so that the old pair stays
    whole until the new model file replaces the old one in a single step.
    """
    data, old = plan_data_file(target)
    temporary = temporary_name(data)
    try:
        light = write_data_file(model, temporary, data.name)
        temporary.replace(data)
        try:
            _replace_with(target, light.SerializeToString())
        except BaseException:
            data.unlink(missing_ok=True)
            raise
        if old is not None:
            old.unlink(missing_ok=True)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(target: Path) -> Path:
    """A name in the same folder that no other process uses."""
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")
