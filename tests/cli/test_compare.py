"""`spl-onnx compare`."""

from __future__ import annotations

import onnx
import pytest

from tests.small_models import small_cnn


@pytest.fixture
def other(tmp_path):
    """A network of the same shape with other weights."""
    onnx.save(small_cnn(seed=5), tmp_path / "other.onnx")
    return str(tmp_path / "other.onnx")


def test_a_model_and_itself(report, model, data):
    accuracy = report("compare", model, model, "--data", data)["accuracy"]
    assert accuracy["metric"] == "top1" and accuracy["drop"] == 0 and accuracy["agreement"] == 1
    assert accuracy["largest_difference"] == 0
    # 20 samples without one difference say little, and the interval says so.
    assert accuracy["interval"][0] < -0.1 and 0.1 < accuracy["confidence_upper"] < accuracy["interval"][1]


def test_what_the_samples_prove(call, report, model, data):
    accuracy = report("compare", model, model, "--data", data, "--max-drop", "0.01")["accuracy"]
    assert accuracy["proves_max_drop"] is False and accuracy["images_needed"] > 20
    assert "with 95 % confidence the true drop is below" in call("compare", model, model, "--data", data)[1]


def test_a_rewritten_model(plugin_path, report, model, rewritten, data):
    accuracy = report("compare", model, rewritten, "--data", data, "--metric", "mse")["accuracy"]
    assert 0 < accuracy["drop"] < 0.01 and accuracy["images"] == 20


def test_another_network_disagrees(call, model, other, data):
    code, out, _ = call("compare", model, other, "--data", data, "--metric", "agreement")
    assert code == 0 and "agreement" in out and "largest difference" in out


def test_max_drop_is_an_exit_code(call, model, other, data):
    flags = ("--data", data, "--metric", "agreement", "--max-drop")
    code, _, err = call("compare", model, other, *flags, "0.01")
    assert code == 1 and "wanted at most 0.01" in err
    assert call("compare", model, other, *flags, "1")[0] == 0
    assert call("compare", model, model, *flags, "0")[0] == 0


def test_wrong_metric(call, model, data):
    assert call("compare", model, model, "--data", data, "--metric", "bleu")[0] == 2
