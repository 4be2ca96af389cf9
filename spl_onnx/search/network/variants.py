"""A segment with other settings for its sites: only the nodes of the sites and the predictors' weights change."""

from __future__ import annotations

import onnx
from onnx import helper, numpy_helper

from spl_onnx.measure.sites import constants, converted_sites, is_operator
from spl_onnx.rewrite.predict import predictor_weights
from spl_onnx.search.settings import EXACT, Config, Setting
from spl_onnx.spec.attributes import PREDICT, SRMM

_SELECTION = 3


def variant(model: onnx.ModelProto, config: Config) -> onnx.ModelProto:
    """A copy of a segment in which each site has its setting.

    Args:
        model: a segment; sites that can be predicted are fed by a SPLPredict node.
        config: settings by site; sites that are not in it are computed exactly.

    Returns:
        The model; `model` is as before.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for site in converted_sites(model):
        node = next(n for n in made.graph.node if is_operator(n, SRMM) and n.input[1] == site.w)
        setting = config.get(site.name, EXACT)
        _set_floor(node, float(setting.settings.get("floor", 0.0)))
        if site.selection is None:
            continue
        if setting.choice == "predict":
            _predict(made, site.selection, node, setting)
        else:
            _select_all(made, node)
    return made


def _set_floor(node: onnx.NodeProto, floor: float) -> None:
    for attribute in node.attribute:
        if attribute.name == "floor":
            attribute.f = floor


def _select_all(model: onnx.ModelProto, node: onnx.NodeProto) -> None:
    """Take the prediction away from a site."""
    selection = node.input[_SELECTION]
    node.input[_SELECTION] = ""
    kept = [n for n in model.graph.node if selection not in n.output]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _predict(model: onnx.ModelProto, selection: str, node: onnx.NodeProto, setting: Setting) -> None:
    """Give the SPLPredict node of a site the weights that its setting asks for."""
    predict = next(n for n in model.graph.node if is_operator(n, PREDICT) and selection in n.output)
    weights = constants(model)
    w = numpy_helper.to_array(weights[node.input[1]])
    b = numpy_helper.to_array(weights[node.input[2]]) if node.input[2] else None
    made = predictor_weights(w, b, dict(setting.settings))
    parts = {1: made.wp, 2: made.bp, 3: made.wscale, 4: made.xscale}
    for index, values in parts.items():
        if values is None:
            predict.input[index] = ""
            continue
        name = f"{selection}/{index}"
        predict.input[index] = name
        model.graph.initializer.append(numpy_helper.from_array(values, name))


def site_tensors(model: onnx.ModelProto) -> dict[str, tuple[str, str | None]]:
    """Input and residual of every site of a segment, by site; None where there is no residual.

    A residual that is a constant (the 0 of sites without a shortcut) is none.
    """
    known = constants(model)
    found = {}
    for site in converted_sites(model):
        node = next(n for n in model.graph.node if is_operator(n, SRMM) and n.input[1] == site.w)
        residual = node.input[4] if len(node.input) > 4 and node.input[4] not in known else None
        found[site.name] = (site.x, residual or None)
    return found


def attribute(node: onnx.NodeProto, name: str) -> object:
    """The value of an attribute that every node has."""
    return next(helper.get_attribute_value(a) for a in node.attribute if a.name == name)
