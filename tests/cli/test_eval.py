"""`spl-onnx eval`."""

from __future__ import annotations

import numpy as np
import onnx

from spl_onnx.measure.metrics import decisions
from spl_onnx.measure.sessions import create_session, run
from tests.small_models import small_images


def test_accuracy_is_the_share_of_right_decisions(report, call, model, data):
    outputs = run(create_session(onnx.load(model)), {"input": small_images(20)})[0]
    right = float(np.mean(decisions(outputs) == np.arange(20) % 5))
    content = report("eval", model, "--data", data, "--batch", "6")
    assert content["images"] == 20 and content["scores"] == {"top1": right, "top5": 1.0}
    code, out, _ = call("eval", model, "--data", data)
    assert code == 0 and f"{100 * right:.2f} %" in out and "20 samples" in " ".join(out.split())


def test_a_rewritten_model(plugin_path, report, rewritten, data):
    assert report("eval", rewritten, "--data", data, "--limit", "10")["images"] == 10


def test_without_labels(call, model, tmp_path):
    np.savez(tmp_path / "x.npz", x=small_images(3))
    code, _, err = call("eval", model, "--data", tmp_path / "x.npz")
    assert code == 4 and "has no labels" in err
