"""Real networks whose layers in 8 bits hand each other bytes: what stays floats, and what they decide."""

from __future__ import annotations

import functools
from collections import Counter

import onnx
import pytest

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.edit.int8_weights import store_int8_weights
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.sites.planner import plan_sites
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.ranges import with_bytes
from spl_onnx.steps import rewrite_model
from tests import datasets
from tests.e2e import networks

IMAGES, SAMPLES = 50, 16
#: Layers in bytes; none is left that is not.
SITES = {"googlenet": 57, "resnet18": 20, "squeezenet1.1": 26}
#: Of each network: the first bytes, and the last ones.
ENDS = ("ChannelsLastQuantize", "QChannelsLastGlobalAveragePool")
FLOATS = ("SRMM", "ChannelsLastLRN", "QuantizeLinear", "DequantizeLinear", "Transpose")


@functools.cache
def passing(name: str) -> onnx.ModelProto:
    """The network with every site in 8 bits; codes come from images that no test looks at."""
    model = read_model(datasets.load_network(name))
    options = RewriteOptions(rules="all", precision="int8", no_verify=True)
    samples = networks.inputs(name, IMAGES + SAMPLES)[IMAGES:]
    feeds = [{model.model.graph.input[0].name: x[None]} for x in samples]
    plan = with_bytes(model, plan_sites(model.model, options), feeds, SiteWeights())
    return rewrite_model(model, options, plan).model


@pytest.mark.parametrize("name", SITES)
def test_all_is_bytes_from_the_image_to_the_mean(plugin_path, name):
    found = Counter(node.op_type for node in passing(name).graph.node)
    assert found["QSRMM"] == SITES[name]
    assert all(found[end] == 1 for end in ENDS)
    assert not set(found) & set(FLOATS)


@pytest.mark.parametrize("plugin", [True, False])
@pytest.mark.parametrize("name", SITES)
def test_decisions_agree_with_the_original(plugin_path, name, plugin):
    """All but 3 of 50; also without the library, where bytes alone are rounded."""
    got = networks.outputs(passing(name), networks.inputs(name, IMAGES), plugin=plugin)
    original = networks.original_outputs(name, IMAGES)
    assert networks.share_of_equal_decisions(got, original) >= 0.94
    with pytest.raises(AssertionError):
        networks.assert_close_to_dense(got, original, rounding=1e-3)


@pytest.mark.parametrize("plugin", [True, False])
def test_weights_stored_as_int8(plugin_path, plugin):
    """A quarter of the bytes, but for the last layer, which is no site; the same decisions."""
    made = onnx.ModelProto()
    made.CopyFrom(passing("resnet18"))
    assert store_int8_weights(made) == 20
    assert made.ByteSize() < 0.3 * passing("resnet18").ByteSize()
    got = networks.outputs(made, networks.inputs("resnet18", IMAGES), plugin=plugin)
    original = networks.original_outputs("resnet18", IMAGES)
    assert networks.share_of_equal_decisions(got, original) >= 0.94
