"""`spl-onnx inspect`."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.spec.attributes import ConvGeometry, Pooling
from spl_onnx.spec.reference import conv_predict
from tests.rewrite.model.test_local_functions import layers
from tests.rewrite.model.test_local_functions import model as model_with
from tests.small_models import small_cnn, small_images


def by_name(content):
    return {site["name"]: site for site in content["sites"]}


def test_sites_reasons_and_work(report, call, model):
    sites = by_name(report("inspect", model))
    assert {name: site["choice"] for name, site in sites.items()} == {
        "pooled": "convertible",
        "second": "convertible",
        "hidden": "convertible",
        "logits": "refused",
    }
    assert all(site["reason"] for site in sites.values())
    assert sites["pooled"]["flops"] == 2 * 8 * 8 * 8 * 27
    assert 0 < sites["pooled"]["work_share"] < 1 and sites["pooled"]["density"] is None
    code, out, _ = call("inspect", model)
    assert code == 0 and "10 nodes" in out and "FLOP per sample" in out and "Gemm 'gemm2'" in out


def test_natural_density_is_what_relu_and_pooling_leave(plugin_path, report, model, data):
    sites = by_name(report("inspect", model, "--data", data))
    x = small_images(20).transpose(0, 2, 3, 1)
    weights = {t.name: t for t in small_cnn().graph.initializer}
    from onnx import numpy_helper

    w = numpy_helper.to_array(weights["w1"]).transpose(0, 2, 3, 1)
    b = numpy_helper.to_array(weights["b1"])
    geometry, pooling = ConvGeometry(pads=(1, 1, 1, 1)), Pooling((2, 2), (2, 2))
    s = conv_predict(x, w, b, geometry=geometry, pooling=pooling)
    # Scores within rounding of 0 or of each other may fall either way: one in 10240 outputs.
    assert sites["pooled"]["density"] == pytest.approx(np.count_nonzero(s) / (20 * 8 * 8 * 8), abs=1.5e-4)
    assert sites["pooled"]["zeros"] == 0 and sites["second"]["zeros"] > 0
    assert "predictor" not in sites["pooled"]["reason"]


def test_unknown_image_size(call, tmp_path):
    import onnx

    onnx.save(small_cnn(size="S"), tmp_path / "free.onnx")
    assert "work unknown: give --input-shape or --data" in call("inspect", tmp_path / "free.onnx")[1]
    out = call("inspect", tmp_path / "free.onnx", "--input-shape", "input:1,3,16,16")[1]
    assert "FLOP per sample" in out
    code, _, err = call("inspect", tmp_path / "free.onnx", "--input-shape", "x:1,3,16,16")
    assert code == 4 and "got input 'x'" in err


def test_layers_inside_functions_are_named(call, tmp_path):
    onnx.save(model_with(layers()), tmp_path / "functions.onnx")
    code, out, _ = call("inspect", tmp_path / "functions.onnx")
    assert code == 0 and "note: layers in functions" in out and "my.Layers" in out


def test_a_rewritten_model_is_refused(call, rewritten):
    code, _, err = call("inspect", rewritten)
    assert code == 3 and "ai.spl." in err
