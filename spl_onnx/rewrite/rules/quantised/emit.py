"""The nodes of a layer on bytes: Transpose, QSRMM, Transpose for images; QSRMM for matrices."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx_graphsurgeon as gs

from spl_onnx.arrays import Array
from spl_onnx.rewrite.graph.channels_last import TO_NCHW, TO_NHWC
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.quantised.codes import ByteCode
from spl_onnx.rewrite.rules.quantised.weights import ByteWeights
from spl_onnx.rewrite.rules.site import FloatArray
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    INT8,
    QSRMM,
    Activation,
    ConvGeometry,
    Pooling,
    srmm_attributes,
)

#: Of a residual that there is none of.
NO_CODE = ByteCode(1.0, 0)


@dataclass(frozen=True)
class ByteLayer:
    """A layer on bytes.

    Attributes:
        x: Bytes, `[N,C,H,W]` (images) or `[...,K]` (matrices).
        xcode: Their code.
        w: Weights, `[O,kH,kW,C/group]` or `[O,K]`.
        b: `[O]`.
        activation: Clipping.
        ycode: Code of the output.
        geometry: The convolution; None for matrices.
        pooling: The window behind it.
        r: Bytes that are added before the activation; None where there are none.
        rcode: Their code.
    """

    x: gs.Tensor
    xcode: ByteCode
    w: ByteWeights
    b: FloatArray
    activation: Activation
    ycode: ByteCode
    geometry: ConvGeometry | None = None
    pooling: Pooling = field(default_factory=Pooling.none)
    r: gs.Tensor | None = None
    rcode: ByteCode = NO_CODE

    def nodes(self, scope: Scope, name: str, output: gs.Tensor, rank: int | None) -> list[gs.Node]:
        """The new nodes, in order; the last one writes `output`.

        Args:
            scope: The graph.
            name: Prefix of all names.
            output: What is written.
            rank: Of the output, where it is known.
        """
        made: list[gs.Node] = []
        is_image = self.geometry is not None

        def lifted(tensor: gs.Tensor, part: str) -> gs.Tensor:
            if not is_image:
                return tensor
            y = gs.Variable(scope.model.fresh(f"{name}/{part}nhwc"))
            made.append(_transpose(scope, f"{name}/{part}to_nhwc", tensor, y, TO_NHWC))
            return y

        x = lifted(self.x, "")
        r = _no_residual(scope, is_image) if self.r is None else lifted(self.r, "residual_")
        y = gs.Variable(scope.model.fresh(f"{name}/Y")) if is_image else output
        _tell(y, 4 if is_image else rank, len(self.b))
        attrs = srmm_attributes(self.geometry, self.pooling, self.activation, precision=INT8)
        inputs = self._inputs(scope, name, x, r)
        domain = DOMAIN_CONV if is_image else DOMAIN_GEMM
        made.append(gs.Node(QSRMM, scope.model.fresh(f"{name}/srmm"), attrs, inputs, [y], domain))
        if is_image:
            made.append(_transpose(scope, f"{name}/to_nchw", y, output, TO_NCHW))
        return made

    def _inputs(self, scope: Scope, name: str, x: gs.Tensor, r: gs.Tensor) -> list[gs.Tensor]:
        """As the operator wants them."""
        codes = (self.xcode, self.rcode, self.ycode)
        return [
            x,
            _constant(scope, f"{name}/W", self.w.q),
            _constant(scope, f"{name}/B", self.b),
            gs.Variable.empty(),
            r,
            gs.Variable.empty(),
            *(
                _constant(scope, f"{name}/{part}scale", code.array())
                for part, code in zip("XRY", codes, strict=True)
            ),
            _constant(scope, f"{name}/Wscale", self.w.scale),
        ]


def _transpose(scope: Scope, name: str, x: gs.Tensor, y: gs.Tensor, perm: tuple[int, ...]) -> gs.Node:
    return gs.Node("Transpose", scope.model.fresh(name), {"perm": list(perm)}, [x], [y])


def _no_residual(scope: Scope, is_image: bool) -> gs.Tensor:
    """A byte 0, which stands for 0 in the code of no residual."""
    name = "spl/zero_byte_image" if is_image else "spl/zero_byte_matrix"
    if name not in scope.shared:
        zero = np.zeros((1, 1, 1, 1) if is_image else 1, np.uint8)
        scope.shared[name] = gs.Constant(scope.model.fresh(name), zero)
    return scope.shared[name]


def _tell(y: gs.Tensor, rank: int | None, last: int) -> None:
    """Say of an output of bytes how many dimensions it has, as `give_rank` does of floats."""
    y.dtype = np.dtype(np.uint8)
    if rank:
        y.shape = [*[None] * (rank - 1), last]


def _constant(scope: Scope, name: str, values: Array) -> gs.Tensor:
    return gs.Constant(scope.model.fresh(name), np.ascontiguousarray(values))
