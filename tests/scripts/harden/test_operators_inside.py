"""Each operator of a rewritten network is judged by its own inputs."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.harden import operators_inside
from scripts.harden.network_trial import open_session
from scripts.harden.operators_inside import operator_problem
from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn, small_images


def test_every_operator_is_looked_at(plugin_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True)).model
    judged = operators_inside.problem_of
    looked = []

    def noted(single, fed, got):
        looked.append(single.graph.node[0].name)
        return judged(single, fed, got)

    monkeypatch.setattr(operators_inside, "problem_of", noted)
    feeds = [{"input": small_images(count)} for count in (1, 3)]
    assert operator_problem(model, feeds, lambda watched: open_session(watched, plugin_path, 1)) == ""
    ours = [node.name for node in model.graph.node if node.domain.startswith("ai.spl")]
    assert len(ours) > 2 and looked == ours * 2


def test_a_wrong_operator_is_named(plugin_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True)).model
    judged = operators_inside.problem_of

    def shifted(single, fed, got):
        return judged(single, fed, got + np.float32(0.1) if got.dtype == np.float32 else got)

    monkeypatch.setattr(operators_inside, "problem_of", shifted)
    feeds = [{"input": small_images(1)}]
    problem = operator_problem(model, feeds, lambda watched: open_session(watched, plugin_path, 1))
    assert "/srmm: " in problem and "wrong, first" in problem
