"""The converted sites of a rewritten model, as its nodes say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.attributes import Attributes
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    FLOAT32,
    PREDICT,
    QSRMM,
    QSRMM_INPUTS,
    SRMM,
    ConvGeometry,
    Pooling,
    parse_geometry,
    parse_pooling,
    parse_precision,
    parse_transposed,
)
from spl_onnx.spec.messages import array_of
from spl_onnx.spec.shapes import conv_direction

_SUFFIX = "/srmm"


@dataclass(frozen=True)
class ConvertedSite:
    """An SRMM or QSRMM node and the SPLPredict node that feeds it.

    Attributes:
        name: name of the site.
        x: tensor of the input: [N, H, W, C] for images, [..., K] for matrices.
        w: tensor of the weights: [O, kH, kW, C / group], [O, K], or [K, O] where `transposed`.
        selection: tensor of the selection, None in a lossless site.
        wp: tensor of the predictor's weights, None in a lossless site.
        geometry: of the convolution, None for matrices.
        pooling: window behind the convolution.
        transposed: whether the weights of a matrix are [K, O].
        precision: what it multiplies in.
        zero_byte: what stands for 0 where the input is bytes; None where it is float32.
    """

    name: str
    x: str
    w: str
    selection: str | None
    wp: str | None
    geometry: ConvGeometry | None
    pooling: Pooling
    transposed: bool = False
    precision: str = FLOAT32
    zero_byte: int | None = None

    def macs_per_output(self, w_shape: tuple[int, ...]) -> int:
        """Multiply-accumulates of one output value before pooling."""
        return int(np.prod(w_shape[:1] if self.transposed else w_shape[1:], dtype=np.int64))

    def places(self, x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the layer's result before pooling: [N, oH, oW, O] or [..., O].

        Raises:
            ModelError: the shapes are not those of images or matrices, or the kernel does not fit.
        """
        wanted = 2 if self.geometry is None else 4
        if len(w_shape) != wanted or len(x_shape) < 1 or (wanted == 4 and len(x_shape) != 4):
            raise ModelError(
                f"site {self.name}: X {list(x_shape)} and weights {list(w_shape)}, wanted {wanted} dimensions"
            )
        if self.geometry is None:
            return (*x_shape[:-1], w_shape[1 if self.transposed else 0])
        size = [conv_direction(i, x_shape[1 + i], w_shape[1:3], self.geometry) for i in (0, 1)]
        return x_shape[0], *size, w_shape[0]


def converted_sites(model: onnx.ModelProto) -> list[ConvertedSite]:
    """The sites of the main graph, in graph order. Bodies of If and Loop are not looked into.

    Raises:
        ModelError: a node of the operators lacks inputs or attributes, or they mean nothing.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    initializers = constants(model)
    return [
        _site(node, makers, initializers)
        for node in model.graph.node
        if is_operator(node, SRMM) or is_operator(node, QSRMM)
    ]


def is_operator(node: onnx.NodeProto, op_type: str) -> bool:
    """Whether a node is this operator of spl-onnx."""
    return node.op_type == op_type and node.domain in (DOMAIN_CONV, DOMAIN_GEMM)


def _site(
    node: onnx.NodeProto, makers: dict[str, onnx.NodeProto], initializers: dict[str, onnx.TensorProto]
) -> ConvertedSite:
    if len(node.input) < 2 or not node.output:
        raise ModelError(f"node {node.name!r} is no {node.op_type}, wanted inputs X and W and an output")
    attributes = Attributes.of(node).values
    image = node.domain == DOMAIN_CONV
    selection = node.input[3] if len(node.input) > 3 and node.input[3] else None
    predictor = makers.get(selection) if selection else None
    known = predictor is not None and is_operator(predictor, PREDICT) and len(predictor.input) > 1
    return ConvertedSite(
        name=node.name.rpartition(_SUFFIX)[0] or node.output[0],
        x=node.input[0],
        w=node.input[1],
        selection=selection,
        wp=predictor.input[1] if known and predictor is not None else None,
        geometry=parse_geometry(attributes) if image else None,
        pooling=parse_pooling(attributes) if image else Pooling.none(),
        transposed=not image and parse_transposed(attributes),
        precision=parse_precision(attributes),
        zero_byte=_zero_byte(node, initializers) if is_operator(node, QSRMM) else None,
    )


def _zero_byte(node: onnx.NodeProto, initializers: dict[str, onnx.TensorProto]) -> int:
    """The zero point of the input of a QSRMM node."""
    place = QSRMM_INPUTS.index("Xscale")
    scale = initializers.get(node.input[place]) if len(node.input) > place else None
    values = None if scale is None else array_of(scale)
    if values is None or values.shape not in ((1,), (2,)):
        raise ModelError(
            f"node {node.name!r} is no QSRMM, wanted scale and zero point of its input as constants"
        )
    return int(values[1]) if len(values) == 2 else 0


def computed_outputs(selection: NDArray[np.uint8], pooling: Pooling, places: tuple[int, ...]) -> int:
    """How many different outputs of the layer a selection asks for.

    Windows that overlap may select the same place; it is counted once.

    Args:
        selection: S, [N, pH, pW, O] or [..., O].
        pooling: window behind the layer.
        places: shape of the layer's result before pooling.
    """
    overlap = any(s < k for s, k in zip(pooling.strides, pooling.kernel, strict=True))
    if pooling.is_none or not overlap:
        return int(np.count_nonzero(selection))
    return sum(_distinct(image, pooling, places[1:]) for image in selection)


def _distinct(selection: NDArray[np.uint8], pooling: Pooling, places: tuple[int, ...]) -> int:
    """Different places selected in one image; selection [pH, pW, O], places (oH, oW, O)."""
    rows, columns, channels = np.nonzero(selection)
    inside = selection[rows, columns, channels].astype(np.int64) - 1
    y = rows * pooling.strides[0] - pooling.pads[0] + inside // pooling.kernel[1]
    x = columns * pooling.strides[1] - pooling.pads[1] + inside % pooling.kernel[1]
    hit = np.zeros(places, bool)
    hit[y, x, channels] = True
    return int(np.count_nonzero(hit))


def constants(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Initializers of the main graph by name."""
    return {tensor.name: tensor for tensor in model.graph.initializer}


def nonzero_share(tensor: onnx.TensorProto) -> float:
    """Fraction of the values of a constant that are not zero."""
    values = array_of(tensor)
    if values is None:
        raise ModelError(f"constant {tensor.name!r}: data, type and dimensions do not belong together")
    return float(np.count_nonzero(values)) / max(1, values.size)
