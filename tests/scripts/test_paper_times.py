"""Times of models that the paper's experiment wrote."""

from __future__ import annotations

import numpy as np
import onnx

from scripts import paper_times
from scripts.paper_times import KEYS, file_name, times
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn, small_images


class _Source:
    @staticmethod
    def images(root, count):
        return small_images(count)


def rewritten(model):
    return rewrite_model(read_model(model), RewriteOptions(rules="all", no_verify=True)).model


def test_three_times_of_single_samples(plugin_path):
    model = small_cnn()
    feeds = [{model.graph.input[0].name: image[None]} for image in small_images(3)]
    found = times(read_model(model), rewritten(model), feeds)
    assert tuple(found) == KEYS and all(np.isfinite(ms) and ms > 0 for ms in found.values())


def test_every_model_of_the_folder_has_a_line(plugin_path, tmp_path, monkeypatch, capsys):
    model = small_cnn()
    monkeypatch.setattr(paper_times, "NETWORKS", {"small1.1": _Source})
    monkeypatch.setattr(paper_times, "load", lambda name, root, x: model)
    for predictor in ("int8", "pruned"):
        onnx.save(rewritten(model), str(tmp_path / file_name("small1.1", predictor, "lagrange")))
    (tmp_path / "other.onnx").write_bytes(b"not one of ours")
    assert paper_times.main([str(tmp_path), "--data", str(tmp_path), "--images", "2"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| small1.1")]
    assert [line.split(" | ")[1:4] for line in lines] == [
        ["int8", "lagrange", "1"],
        ["pruned", "lagrange", "1"],
    ]
