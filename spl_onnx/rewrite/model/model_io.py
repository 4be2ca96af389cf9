"""Reading and writing model files: clear errors on the way in, all or nothing on the way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from spl_onnx.errors import MissingDataError, ModelError, UsageError
from spl_onnx.files import descriptor_of, is_same_file, read_file, resolve_output, write_file, write_pair
from spl_onnx.rewrite.graph.tensors import copy_without_data, total_bytes
from spl_onnx.rewrite.model.external_data import (
    has_external_data,
    load_external_data,
    set_location,
    user_of,
    write_large_tensors,
)
from spl_onnx.rewrite.model.readable import require_readable
from spl_onnx.rewrite.model.tidy import tidied, tidy

#: A protobuf file ends at 2 GiB; the rest of the model needs room too.
MAX_INLINE_BYTES = 1_900_000_000
#: What messages call a model without a path.
IN_MEMORY = "the model in memory"
_PROTOBUF_LIMIT = (1 << 31) - 1
#: A model may be replaced while it is read; so often in a row only by somebody who does nothing else.
_READING_TRIES = 20


@dataclass
class LoadedModel:
    """A model in memory, with all its weights.

    Attributes:
        model: The model.
        path: Where it came from, if from a file.
        external_data: True if its weights were in a separate file, None if not.
        notes: Things the user should know.
        weight_files: The files its weights came from, which no output may replace.
    """

    model: onnx.ModelProto
    path: Path | None = None
    external_data: bool | None = None
    notes: list[str] = field(default_factory=list)
    weight_files: tuple[Path, ...] = ()

    @property
    def where(self) -> str:
        """What messages call it."""
        return IN_MEMORY if self.path is None else str(self.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the model was read from."""
        return self.weight_files if self.path is None else (self.path, *self.weight_files)


def read_model(model: onnx.ModelProto | str | Path) -> LoadedModel:
    """A model with where it came from. A ModelProto is never changed.

    Args:
        model: The model or its path: a plain file, or /dev/stdin for one with its weights inside.

    Raises:
        ModelError: The file is missing, truncated or no ONNX model, its weights cannot be read, or
            its names or nodes contradict each other.
    """
    if isinstance(model, onnx.ModelProto):
        require_readable(model, IN_MEMORY)
        if has_external_data(model):
            raise ModelError(
                "the model in memory refers to weights in a file; pass its path, "
                "or load it with its external data"
            )
        return LoadedModel(tidied(model, IN_MEMORY))
    path = Path(model)
    for _ in range(_READING_TRIES):
        before = _state(path)
        try:
            return _read(path)
        except MissingDataError:
            # Whoever replaces a model removes the old weights: then the new model is what is wanted.
            if _state(path) == before:
                raise
    raise ModelError(
        f"{path}: is replaced all the time while it is read; wait for the program that writes it"
    )


def _read(path: Path) -> LoadedModel:
    proto = _parse(path)
    if not has_external_data(proto):
        return LoadedModel(proto, path)
    if descriptor_of(str(path)) is not None:
        raise ModelError(
            f"{path}: refers to weights in a file, which is looked for beside the model; pass its path"
        )
    files = load_external_data(proto, path.parent)
    return LoadedModel(proto, path, True, weight_files=files)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def load_model(path: str | Path) -> onnx.ModelProto:
    """The model in a file, with all its weights in memory; errors as `read_model`."""
    return read_model(Path(path)).model


def _parse(path: Path) -> onnx.ModelProto:
    try:
        content = read_file(path, _PROTOBUF_LIMIT)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (OSError, MemoryError) as error:
        why = getattr(error, "strerror", None) or "not enough memory"
        raise ModelError(f"{path}: cannot be read ({why})") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf's DecodeError, whose module has no types
        raise ModelError(
            f"{path}: not an ONNX model, or truncated ({len(content)} bytes, {error}); "
            "check the download against its published size"
        ) from error
    require_readable(model, str(path))
    tidy(model, str(path))
    return model


def save_model(
    model: onnx.ModelProto,
    path: str | Path,
    external_data: bool | None = None,
    threshold: int = MAX_INLINE_BYTES,
    protected: Iterable[Path] = (),
) -> tuple[Path, ...]:
    """Write `model` to `path`, all or nothing.

    Args:
        model: The model; not changed.
        path: The file; a link stands for the file it leads to. Weights that are external go to a file beside
            it, named after it with a hash of their content and `.data`; those of the model that was there are
            removed. A pipe or a device is written through.
        external_data: Whether large tensors go to the separate file; None = above `threshold`. Above 2 GB
            they do in any case.
        threshold: Size of all tensors in bytes.
        protected: Files that the output must not be.

    Returns:
        The files written: the model, and its weights if they are external; none for a pipe or a device.

    Raises:
        ModelError: The files cannot be written. An existing file is then as it was.
        UsageError: The output is one of `protected`.
    """
    check_unprotected(path, protected)
    try:
        output = resolve_output(path)
        if not needs_data_file(model, external_data, threshold):
            return write_file(output, _serialised(model))
        light = copy_without_data(model)

        def head(name: str) -> bytes:
            set_location(light, name)
            return _serialised(light)

        return write_pair(output, lambda file: write_large_tensors(model, light, file), head)
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be written ({error.strerror or error}); choose another output"
        ) from error


def needs_data_file(model: onnx.ModelProto, external_data: bool | None, threshold: int) -> bool:
    """Whether `save_model` writes the weights of `model` to a file of their own; arguments as there."""
    size = total_bytes(model)
    return size > MAX_INLINE_BYTES or (size > threshold if external_data is None else external_data)


def check_unprotected(path: str | Path, protected: Iterable[Path], flag: str = "") -> None:
    """Refuse an output that is a file which the input, or a model beside it, was or will be read from.

    Raises:
        UsageError: It is one of `protected` or holds weights of a model, or has a name that no file can have.
    """
    shown = f"{flag} {path}" if flag else str(path)
    try:
        taken = next((file for file in protected if is_same_file(path, file)), None)
        user = user_of(Path(path))
    except OSError as error:
        raise UsageError(f"{shown}: {error.strerror}, wanted the name of a file") from error
    if taken is not None:
        raise UsageError(f"{shown}: holds the input model or its weights ({taken}), wanted another file")
    if user is not None:
        raise UsageError(f"{shown}: holds the weights of {user}, wanted another file")


def _serialised(model: onnx.ModelProto) -> bytes:
    try:
        return bytes(model.SerializeToString())
    except Exception as error:  # protobuf's EncodeError, whose module has no types
        raise ModelError(f"the model cannot be written as one file ({error})") from error
