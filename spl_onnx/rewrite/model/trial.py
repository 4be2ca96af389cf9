"""Running a model once on made-up input, to compare it with another version of itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import onnx

from spl_onnx.arrays import Array
from spl_onnx.errors import UsageError
from spl_onnx.rewrite.graph.tensors import total_bytes
from spl_onnx.rewrite.model.model_io import MAX_INLINE_BYTES, save_model
from spl_onnx.rewrite.process.child import Job, execute
from spl_onnx.spec.messages import MOST_VALUES, declared_size, element_type, value_count

Feeds = dict[str, Array]

#: Models up to this size go to another process through memory, larger ones through a file.
PIPE_BYTES = 16_000_000
#: Sizes tried for free dimensions, the batch excepted: the first one the original model accepts is taken.
FREE_SIZES = (64, 224, 32, 512)


class Trial:
    """Models as a job takes them: bytes, or a file where they are large.

    Args:
        folder: Where large models may be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def source(self, model: onnx.ModelProto, path: Path | None = None) -> bytes | str:
        """`model` for a session; `path` is the file it was read from, if any.

        Raises:
            UsageError: There is no room for temporary files.
        """
        size = total_bytes(model)
        if size <= PIPE_BYTES:
            return bytes(model.SerializeToString())
        if path is not None and path.is_file():
            return str(path)
        self._count += 1
        target = self._folder / f"model{self._count}.onnx"
        if size > MAX_INLINE_BYTES:
            save_model(model, target)
            return str(target)
        try:
            target.write_bytes(model.SerializeToString())
        except OSError as error:
            raise UsageError(
                f"{target}: the checks cannot write a temporary file ({error.strerror}); "
                "set TMPDIR to a folder with room, or use --no-verify"
            ) from error
        return str(target)


def run(source: bytes | str, feeds: Feeds, *, optimised: bool = True, plugin: bool = False) -> list[Array]:
    """Outputs of a model for `feeds`, on the CPU, in this process.

    Args:
        source: Of `Trial.source`.
        feeds: Inputs by name.
        optimised: All graph optimisations of ONNX Runtime, or none.
        plugin: Register the operator library; otherwise the fallback functions run.

    Raises:
        PluginError: The library is wanted and cannot be used.
    """
    return execute(Job(source, feeds, optimised=optimised, plugin=plugin))[0]


def trial_inputs(model: onnx.ModelProto, shapes: dict[str, tuple[int, ...]], seed: int) -> Iterator[Feeds]:
    """Seeded inputs for `model`: all that differ of each place of the batch and size of `FREE_SIZES`.

    Args:
        model: The model.
        shapes: Wanted shapes by input name; they win over what the model says.
        seed: Same seed, same numbers.

    Raises:
        UsageError: `shapes` names no input, or an input has a type that cannot be made up.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    unknown = sorted(set(shapes) - {value.name for value in inputs})
    if unknown:
        names = ", ".join(value.name for value in inputs)
        raise UsageError(f"--input-shape: unknown input {', '.join(unknown)}; the model has {names}")
    tried: list[dict[str, tuple[int, ...]]] = []
    for batch_behind, size in product((False, True), FREE_SIZES):
        symbols: dict[str, int] = {}
        current = {v.name: shapes.get(v.name) or _shape(v, batch_behind, size, symbols) for v in inputs}
        if current not in tried:
            rng = np.random.default_rng(seed)
            yield {value.name: _values(value, current[value.name], rng) for value in inputs}
        tried.append(current)


def _shape(
    value: onnx.ValueInfoProto, batch_behind: bool, size: int, symbols: dict[str, int]
) -> tuple[int, ...]:
    """Numbers for all dimensions: 1 for a free batch, `size` for other free ones, equal symbols equal.

    The batch is the first dimension, or with `batch_behind` the first free one: states of recurrent nets.
    """
    declared = value.type.tensor_type.shape.dim
    free_ones = [position for position, dim in enumerate(declared) if declared_size(dim) is None]
    batch = free_ones[0] if batch_behind and free_ones else 0
    dims = []
    for position, dim in enumerate(declared):
        free = 1 if position == batch else size
        known = declared_size(dim)
        if known is not None:
            dims.append(max(known, 1))
        else:
            dims.append(symbols.setdefault(dim.dim_param, free) if dim.dim_param else free)
    return tuple(dims)


def _values(value: onnx.ValueInfoProto, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Normal numbers, or zeros and ones for whole numbers and truth values."""
    kind = value.type.tensor_type.elem_type
    if not value.type.HasField("tensor_type") or kind in (
        onnx.TensorProto.STRING,
        onnx.TensorProto.UNDEFINED,
    ):
        raise UsageError(
            f"input '{value.name}' is no numeric tensor, so no test input can be made up: use --no-verify"
        )
    dtype = element_type(kind)
    if dtype is None or value_count(shape) > MOST_VALUES:
        raise UsageError(
            f"input '{value.name}' of type {kind} and shape {list(shape)} cannot be made up: "
            "name a shape with --input-shape, or use --no-verify"
        )
    if np.issubdtype(dtype, np.floating):
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)
