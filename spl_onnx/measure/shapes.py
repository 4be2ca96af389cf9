"""Shapes of all tensors of a model, for given input shapes, without touching its weights."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from spl_onnx.data.inputs import InputSpec
from spl_onnx.rewrite.graph.tensors import element_count
from spl_onnx.rewrite.model.validity import inferred
from spl_onnx.spec.messages import free_negative_sizes, known_sizes

Shape = tuple[int, ...]

#: Constants up to this many values are kept: targets of Reshape, axes, repeats.
_SMALL = 1024


def single_sample_shapes(
    specs: list[InputSpec], given: dict[str, Shape] | None = None, seen: dict[str, Shape] | None = None
) -> dict[str, Shape | None]:
    """Input shapes of one sample: what is known, with a free first dimension set to 1.

    Args:
        specs: the model's inputs.
        given: shapes a user gave by name; they win.
        seen: shapes of arrays that were fed; they fill free dimensions except the first.

    Returns:
        A shape for each input, None where a dimension stays free.
    """
    return {
        spec.name: _single(spec, (given or {}).get(spec.name), (seen or {}).get(spec.name)) for spec in specs
    }


def _single(spec: InputSpec, given: Shape | None, seen: Shape | None) -> Shape | None:
    if given is not None:
        return tuple(given)
    if spec.shape is None:
        return seen
    sizes: list[int] = []
    for axis, size in enumerate(spec.shape):
        if size is not None:
            sizes.append(size)
        elif axis == 0:
            sizes.append(1)
        elif seen is not None:
            sizes.append(seen[axis])
        else:
            return None
    return tuple(sizes)


def infer_shapes(model: onnx.ModelProto, inputs: dict[str, Shape | None]) -> dict[str, Shape]:
    """Shapes of the tensors of the main graph that can be known.

    Args:
        model: the model; it is not changed.
        inputs: shape of each input, None = as the model says.

    Returns:
        Shapes by tensor name, initializers included; tensors with an unknown dimension are left out.

    Raises:
        ModelError: the shape inference of onnx does not survive the model, or refuses it.
    """
    light = _without_weights(model)
    for value in light.graph.input:
        shape = inputs.get(value.name)
        if shape is not None:
            _set_shape(value, shape)
    del light.graph.value_info[:]
    for value in light.graph.output:
        value.type.tensor_type.ClearField("shape")
    found = inferred(light, data_prop=True)
    shapes = {t.name: tuple(t.dims) for t in model.graph.initializer if all(dim >= 0 for dim in t.dims)}
    for value in (*found.graph.input, *found.graph.value_info, *found.graph.output):
        if (known := _known_shape(value)) is not None:
            shapes[value.name] = known
    return shapes


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Element types (`TensorProto.DataType`) of the tensors of the main graph that can be known.

    Raises:
        ModelError: as `infer_shapes`.
    """
    found = inferred(_without_weights(model))
    types = {tensor.name: int(tensor.data_type) for tensor in model.graph.initializer}
    for value in (*found.graph.input, *found.graph.value_info, *found.graph.output):
        if value.type.tensor_type.elem_type != TensorProto.UNDEFINED:
            types[value.name] = int(value.type.tensor_type.elem_type)
    return types


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which large initializers are inputs, so that models of any size can be inferred."""
    light = onnx.ModelProto()
    light.ir_version = max(model.ir_version, 4)
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    graph = light.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    declared = {value.name for value in model.graph.input}
    for tensor in model.graph.initializer:
        if element_count(tensor) <= _SMALL and not tensor.external_data:
            graph.initializer.append(tensor)
        elif tensor.name not in declared:
            graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    free_negative_sizes(graph)
    return light


def _set_shape(value: onnx.ValueInfoProto, shape: Shape) -> None:
    kind = value.type.tensor_type.elem_type
    value.CopyFrom(helper.make_tensor_value_info(value.name, kind, list(shape)))


def _known_shape(value: onnx.ValueInfoProto) -> Shape | None:
    sizes = tuple(size for size in known_sizes(value) or (None,) if size is not None)
    return sizes if sizes == known_sizes(value) else None
