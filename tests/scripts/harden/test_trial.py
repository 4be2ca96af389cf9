"""What counts as done, refused, leaked and wrongly accepted."""

from __future__ import annotations

import onnx
import pytest

import spl_onnx
from scripts.harden.bases import base
from scripts.harden.trial import examine, prepare, refused_by_all
from spl_onnx.errors import ModelError

PLAIN = 16  # a number that chooses neither options nor a command


@pytest.fixture
def outcome(tmp_path):
    stages = []
    return lambda content, number=PLAIN: examine(content, tmp_path / "m.onnx", number, stages.append)[
        "outcome"
    ]


def test_a_sound_model_is_clean(outcome, plugin_path):
    assert outcome(base("residual")) == "clean"


@pytest.mark.parametrize("number", range(0, 16, 4))
@pytest.mark.parametrize("name", ["residual", "residual+spl"])
def test_commands_take_a_sound_model(number, name, tmp_path, plugin_path):
    prepare(name, tmp_path)
    wanted = "clean" if name == "residual" else "refused"
    assert examine(base(name), tmp_path / "m.onnx", number, print)["outcome"] == wanted


def test_a_cut_model_is_refused(outcome):
    assert outcome(base("residual")[:-9]) == "refused"


def test_other_exceptions_are_leaks(outcome, monkeypatch):
    def fail(*args, **kwargs):
        raise KeyError("weights")

    monkeypatch.setattr(spl_onnx, "rewrite", fail)
    assert outcome(base("residual")) == "leak"


def test_the_last_line_of_defence_is_a_leak(outcome, monkeypatch):
    def fail(*args, **kwargs):
        raise ModelError("unexpected KeyError while rewriting the model: 'pads'")

    monkeypatch.setattr(spl_onnx, "rewrite", fail)
    assert outcome(base("residual")) == "leak"


def test_control_characters_are_leaks(outcome, monkeypatch):
    def fail(*args, **kwargs):
        error = ModelError("")
        error.args = ("node \x1b[31m",)
        raise error

    monkeypatch.setattr(spl_onnx, "rewrite", fail)
    assert outcome(base("residual")) == "leak"


def test_an_invalid_model_must_not_be_accepted(outcome, monkeypatch, tmp_path):
    model = onnx.load_from_string(base("residual"))
    model.graph.node[0].input[0] = "nowhere"
    onnx.save(model, tmp_path / "broken.onnx")
    assert refused_by_all(tmp_path / "broken.onnx") is not None
    sound = spl_onnx.rewrite(onnx.load_from_string(base("residual")), no_verify=True)
    monkeypatch.setattr(spl_onnx, "rewrite", lambda *args, **kwargs: sound)
    assert outcome(model.SerializeToString()) == "invalid"


def test_one_who_takes_a_model_is_enough(plugin_path, tmp_path):
    """A custom operator that nobody here knows: ONNX Runtime refuses it, the checker does not."""
    model = onnx.load_from_string(base("residual"))
    model.graph.node[0].domain = "elsewhere"
    model.opset_import.add(domain="elsewhere", version=1)
    onnx.save(model, tmp_path / "custom.onnx")
    assert refused_by_all(tmp_path / "custom.onnx") is None
