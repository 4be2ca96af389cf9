"""A site's segment with other settings: only its two nodes, its bias and the predictor's weights change."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from spl_onnx.arrays import Array
from spl_onnx.measure.sites import constants, is_operator
from spl_onnx.options import Choice
from spl_onnx.predictors.build import fixed_range, predictor_weights
from spl_onnx.search.settings import Setting
from spl_onnx.spec.attributes import FLOAT32, PREDICT, SRMM

_W, _B, _SELECTION, _R, _XSCALE = 1, 2, 3, 4, 6


def variant(
    model: onnx.ModelProto, setting: Setting, shift: NDArray[np.float32] | None = None
) -> onnx.ModelProto:
    """A copy of a site's segment with a setting.

    Args:
        model: the segment; a site that can be predicted is fed by a SPLPredict node.
        setting: what the site becomes.
        shift: [O], added to the bias of layer and predictor; None adds nothing.

    Returns:
        The model; `model` is as before.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    node = next(n for n in made.graph.node if is_operator(n, SRMM))
    _set_floor(node, float(setting.settings.floor or 0.0))
    if setting.choice == Choice.INT8:
        _set_precision(node, setting.settings.precision or FLOAT32)
        _give(made, node, _XSCALE, fixed_range(setting.settings.xscale))
    w, b = site_weights(model)
    if shift is not None:
        b = (np.zeros(len(shift), np.float32) if b is None else b) + shift
        _give(made, node, _B, b)
    if not node.input[_SELECTION:] or not node.input[_SELECTION]:
        return made
    predict = next(n for n in made.graph.node if is_operator(n, PREDICT))
    if setting.choice == Choice.PREDICT:
        weights = predictor_weights(w, b, setting.settings)
        for index, values in enumerate((weights.wp, weights.bp, weights.wscale, weights.xscale), start=1):
            _give(made, predict, index, values)
    else:
        node.input[_SELECTION] = ""
        made.graph.node.remove(predict)
    return made


def site_weights(model: onnx.ModelProto) -> tuple[Array, Array | None]:
    """Weights [O, ...] and bias [O] of a site's segment; None without a bias."""
    node = next(n for n in model.graph.node if is_operator(n, SRMM))
    known = constants(model)
    w = numpy_helper.to_array(known[node.input[_W]])
    order = next((list(a.ints) for a in node.attribute if a.name == "w_perm"), [1, 0])
    bias = known.get(node.input[_B]) if len(node.input) > _B else None
    return w if order == [1, 0] else w.T, None if bias is None else numpy_helper.to_array(bias)


def site_residual(model: onnx.ModelProto) -> str | None:
    """The tensor that a site's segment adds to its sums; None where it adds the constant 0."""
    node = next(n for n in model.graph.node if is_operator(n, SRMM))
    name = str(node.input[_R])
    return None if name in constants(model) else name


def _set_floor(node: onnx.NodeProto, floor: float) -> None:
    for attribute in node.attribute:
        if attribute.name == "floor":
            attribute.f = floor


def _set_precision(node: onnx.NodeProto, precision: str) -> None:
    for attribute in node.attribute:
        if attribute.name == "precision":
            attribute.s = precision.encode()


def _give(model: onnx.ModelProto, node: onnx.NodeProto, index: int, values: Array | None) -> None:
    """Connect an input to a new constant; None leaves it out."""
    if values is None:
        node.input[index] = ""
        return
    name = f"{node.name}/{index}/now"
    node.input[index] = name
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
