"""The nodes of one site: Transpose to channels last, SPLPredict, SRMM, Transpose back.

Images with one spatial dimension get a height of 1 (`[N,C,L]` -> `[N,1,L,C]`). R is always connected, for the
dense fallback body: a shared zero where the site has no residual. Matrix weights lie in the order in which
they are read in place, so that nothing is packed: rows of outputs where these are selected, rows of inputs
where zero inputs are skipped.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx_graphsurgeon as gs

from spl_onnx.arrays import Array
from spl_onnx.predictors.weights import PredictorWeights
from spl_onnx.rewrite.graph.channels_last import TO_NCHW, TO_NHWC, give_rank
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.site import Site
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    FLOAT32,
    PREDICT,
    SRMM,
    Activation,
    predict_attributes,
    srmm_attributes,
)


class SiteEmitter:
    """Makes the nodes of one site.

    Args:
        site: The site.
        name: Prefix of all names; the site's name.
        output: The tensor that the last node writes.
        predictor: Weights of the prediction; None = everything is computed (lossless).
        floor: Truncation threshold.
        bias: [O], what the layer computes with where it is not its own bias; the dense body keeps that.
        precision: What the layer multiplies in.
        xscale: Scale and zero point of its input where that is fixed and the precision int8.
        levels: Weights of the layer as int8 [O,...] with a scale [O] for each output, instead of the site's
            own; for products in 8 bits.
    """

    def __init__(
        self,
        site: Site,
        name: str,
        output: gs.Tensor,
        predictor: PredictorWeights | None = None,
        floor: float = 0.0,
        bias: npt.NDArray[np.float32] | None = None,
        precision: str = FLOAT32,
        xscale: npt.NDArray[np.float32] | None = None,
        levels: tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None = None,
    ) -> None:
        self.site, self.name, self.output = site, name, output
        self.predictor, self.floor, self.bias = predictor, floor, bias
        self.precision, self.xscale, self.levels = precision, xscale, levels
        self.scope: Scope = site.match.scope
        self.nodes: list[gs.Node] = []

    def emit(self) -> list[gs.Node]:
        """The new nodes in order; the caller puts them into the graph."""
        x = self._lift(self.site.x, "") if self.site.is_image else self.site.x
        r = self._residual()
        s = gs.Variable.empty() if self.predictor is None else self._predict(self.predictor, x, r)
        self._srmm(x, s, r)
        return self.nodes

    @property
    def _domain(self) -> str:
        return DOMAIN_CONV if self.site.is_image else DOMAIN_GEMM

    def _constant(self, part: str, values: Array | None) -> gs.Tensor:
        """A new initializer `<site>/<part>`; an omitted input without values."""
        if values is None:
            return gs.Variable.empty()
        return gs.Constant(self._fresh(part), np.ascontiguousarray(values))

    def _fresh(self, part: str) -> str:
        return self.scope.model.fresh(f"{self.name}/{part}")

    def _node(
        self, op: str, part: str, inputs: list[gs.Tensor], output: gs.Tensor, attrs: dict[str, object]
    ) -> None:
        domain = self._domain if op in (PREDICT, SRMM) else None
        self.nodes.append(gs.Node(op, self._fresh(part), attrs, inputs, [output], domain))

    def _variable(self, part: str) -> gs.Variable:
        return gs.Variable(self._fresh(part))

    def _shared(self, name: str, values: Array) -> gs.Tensor:
        """An initializer that all sites of this graph use."""
        if name not in self.scope.shared:
            self.scope.shared[name] = gs.Constant(self.scope.model.fresh(name), values)
        return self.scope.shared[name]

    def _residual(self) -> gs.Tensor:
        if self.site.residual is not None:
            return self._lift(self.site.residual, "residual_") if self.site.is_image else self.site.residual
        if self.site.is_image:
            return self._shared("spl/zero_image", np.zeros((1, 1, 1, 1), np.float32))
        return self._shared("spl/zero_matrix", np.zeros(1, np.float32))

    def _predict(self, weights: PredictorWeights, x: gs.Tensor, r: gs.Tensor) -> gs.Tensor:
        site = self.site
        s = self._variable("S")
        inputs = [
            x,
            self._constant("Wp", weights.wp),
            self._constant("Bp", weights.bp),
            self._constant("Wscale", weights.wscale),
            self._constant("Xscale", weights.xscale),
            r,
        ]
        attrs = predict_attributes(site.geometry, site.pooling, site.select_all)
        self._node(PREDICT, "spl_predict", inputs, s, attrs)
        return s

    def _srmm(self, x: gs.Tensor, s: gs.Tensor, r: gs.Tensor) -> None:
        site = self.site
        activation = Activation(site.activation.clip_min, site.activation.clip_max, self.floor)
        transposed = not site.is_image and self.predictor is None
        attrs = srmm_attributes(
            site.geometry, site.pooling, activation, transposed=transposed, precision=self.precision
        )
        values, scale = (site.w, None) if self.levels is None else self.levels
        w = self._constant("W", values.T if transposed else values)
        # Evaluators of functions want as many inputs as the dense body has, so absent ones are named.
        b, bs = self._constant("B", site.b), self._constant("Bs", self.bias)
        inputs = [x, w, b, s, r, bs, self._constant("Xscale", self.xscale)]
        if scale is not None:
            inputs.append(self._constant("Wscale", scale))
        if not site.is_image:
            give_rank(self.output, self.scope.rank(site.match.output), len(site.w))
            self._node(SRMM, "srmm", inputs, self.output, attrs)
            return
        y = self._variable("Y")
        give_rank(y, 4, len(site.w))
        self._node(SRMM, "srmm", inputs, y, attrs)
        self._lower(y)

    def _lift(self, x: gs.Tensor, part: str) -> gs.Tensor:
        """`x` with channels last and two spatial dimensions."""
        y = self._variable(f"{part}nhwc")
        if self.site.spatial == 2:
            self._node("Transpose", f"{part}to_nhwc", [x], y, {"perm": list(TO_NHWC)})
            return y
        row = self._variable(f"{part}nlc")
        self._node("Transpose", f"{part}to_nlc", [x], row, {"perm": [0, 2, 1]})
        self._height("Unsqueeze", f"{part}to_nhwc", row, y)
        return y

    def _lower(self, y: gs.Tensor) -> None:
        """`y` as the original network has it, into the output."""
        if self.site.spatial == 2:
            self._node("Transpose", "to_nchw", [y], self.output, {"perm": list(TO_NCHW)})
            return
        row = self._variable("y_nlc")
        self._height("Squeeze", "to_nlc", y, row)
        self._node("Transpose", "to_ncl", [row], self.output, {"perm": [0, 2, 1]})

    def _height(self, op: str, part: str, x: gs.Tensor, y: gs.Tensor) -> None:
        """Add or remove the dimension 1; its number is an attribute before opset 13, then an input."""
        if self.scope.model.opset < 13:
            self._node(op, part, [x], y, {"axes": [1]})
        else:
            self._node(op, part, [x, self._shared("spl/height_axis", np.array([1], np.int64))], y, {})
