"""What must equal the original: lossless sites, and the same file where the library is missing."""

from __future__ import annotations

import onnx
import pytest

from spl_onnx.measure.sessions import create_session, run
from tests import datasets
from tests.e2e import networks

IMAGES = 8


@pytest.mark.parametrize("name", datasets.NETWORKS)
def test_lossless_equals_the_original(plugin_path, name):
    x = networks.inputs(name, IMAGES)
    got = networks.outputs(networks.rewritten(name, lossless=True).model, x)
    networks.assert_close_to_dense(got, networks.original_outputs(name, IMAGES))


@pytest.mark.parametrize("name", datasets.NETWORKS)
def test_without_the_library_the_same_model_equals_the_original(name):
    x = networks.inputs(name, IMAGES)
    got = networks.outputs(networks.rewritten(name).model, x, plugin=False)
    networks.assert_close_to_dense(got, networks.original_outputs(name, IMAGES))


@pytest.mark.parametrize("name", ["cifar10_vgg", "mobilenet_v2"])
def test_a_written_file_runs_with_and_without_the_library(plugin_path, tmp_path, name):
    path = tmp_path / "rewritten.onnx"
    networks.rewritten(name).save(path)
    x = networks.inputs(name, 4)
    for plugin in (True, False):
        in_memory = networks.outputs(networks.rewritten(name).model, x, plugin=plugin)
        from_file = run(create_session(path, plugin=plugin), {"input": x})[0]
        assert (from_file == in_memory).all()


@pytest.mark.parametrize("name", datasets.NETWORKS)
def test_the_result_is_a_valid_model_with_the_same_interface(name):
    original, model = datasets.load_network(name), networks.rewritten(name).model
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    assert list(model.graph.input) == list(original.graph.input)
    assert list(model.graph.output) == list(original.graph.output)
    assert list(model.metadata_props) == list(original.metadata_props)
