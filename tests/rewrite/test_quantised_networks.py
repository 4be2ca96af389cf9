"""Real networks that ONNX Runtime quantised: all layers become layers of bytes, with the same bytes."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest

from spl_onnx.measure.sessions import create_session
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.rewrite.edit.apply import apply
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.steps import rewrite_model
from tests.datasets import images, load_network
from tests.quantised import quantised_network
from tests.rewrite.builders import ops

EXPECTED = {
    "resnet18": {"qdq_conv": 12, "qdq_conv_add": 8, "qdq_gemm": 1},
    "squeezenet1.1": {"qdq_conv": 10, "qdq_conv_concat": 16, "qdq_pool": 2},
    "googlenet": {"qdq_conv": 21, "qdq_conv_concat": 36, "qdq_pool": 12, "qdq_gemm": 1, "lrn": 2},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_all_layers_are_converted(plugin_path, name):
    """And verified, each beside ONNX Runtime's own nodes."""
    model = quantised_network(name)
    result = rewrite_model(model, RewriteOptions())
    assert result.plan.counts() == EXPECTED[name]
    made = ops(result.model)
    assert not {"Conv", "Gemm", "MaxPool", "LRN", "Transpose"} & set(made)
    assert made.count("ChannelsLastQuantize") == made.count("QChannelsLastGlobalAveragePool") == 1
    report = result.report["verification"]
    assert report["sites"]["unproved"] == []
    assert report["sites"]["compared"] == sum(EXPECTED[name].values())


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1.1"])
def test_bytes_are_those_of_onnx_runtime(plugin_path, name):
    """Layer by layer: none is off by more than a step, and hardly any by that.

    Sums are exact; what follows is rounded to float32 three times here and twice there, each by up to 2^-24
    of at most 255 steps. So a byte may differ where the exact value is within about 5 * 255 / 2^24 = 8e-5
    steps of half way between two bytes, which 1.6e-4 of all values are at most. Measured: 1e-6.
    """
    model, x = quantised_network(name), images(name, 1)[0]
    plan = plan_sites(model, RewriteOptions(skip_rules="qdq_conv_add,qdq_conv_concat"))
    layers = [site for site in plan.sites if site.rule in ("qdq_conv", "qdq_gemm") and site.is_rewritten]
    names = [site.site for site in layers]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, 2, None) for name in names)
    expected = dict(zip(names, run(model, names, x, plugin=False), strict=True))
    differing = total = 0
    for layer in layers:
        alone = copy.deepcopy(plan)
        for site in alone.sites:
            if (site.site, site.rule) != (layer.site, layer.rule):
                site.become(Choice.DENSE)
        (got,) = run(apply(model, alone).model, [layer.site], x)
        gap = np.abs(got.astype(int) - expected[layer.site])
        assert gap.max() <= 1
        differing, total = differing + np.count_nonzero(gap), total + gap.size
    assert differing <= 1.6e-4 * total


def run(model: onnx.ModelProto, names: list[str], x: np.ndarray, plugin: bool = True) -> list[np.ndarray]:
    """Tensors of bytes of a model."""
    session = create_session(model, threads=1, plugin=plugin)
    return session.run(names, {session.get_inputs()[0].name: x})


@pytest.mark.parametrize(("form", "activations"), [("QOperator", "QUInt8"), ("QDQ", "QInt8")])
def test_other_forms_become_the_same_layers(plugin_path, form, activations):
    """Operators on bytes, and signed bytes: as many as from unsigned bytes in QDQ form, and all verified."""
    results = [
        rewrite_model(quantised_network("squeezenet1.1", *kind), RewriteOptions())
        for kind in (("QDQ", "QUInt8"), (form, activations))
    ]
    assert results[0].plan.counts() == results[1].plan.counts()
    assert ops(results[0].model).count("QSRMM") == ops(results[1].model).count("QSRMM") == 26
    x = images("squeezenet1.1", 4)[0]
    first, other = (scores(result.model, x) for result in results)
    assert np.abs(first - other).max() <= 0.1 * np.abs(first).max()


def test_scores_are_as_near_to_the_float_network(plugin_path):
    """Where roundings are left out, as those of ONNX Runtime."""
    x = images("resnet18", 4)[0]
    model = quantised_network("resnet18")
    exact, own = (scores(m, x, plugin=False) for m in (load_network("resnet18"), model))
    ours = scores(rewrite_model(model, RewriteOptions(no_verify=True)).model, x)
    errors = [np.square(values - exact).mean() for values in (ours, own)]
    assert errors[0] <= 1.1 * errors[1]


def scores(model: onnx.ModelProto, x: np.ndarray, plugin: bool = True) -> np.ndarray:
    session = create_session(model, threads=1, plugin=plugin)
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: image[None]})[0] for image in x])
