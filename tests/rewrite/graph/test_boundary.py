"""What nobody foresaw is one error with its cause; mistakes of the program stay what they are."""

from __future__ import annotations

import pytest

from spl_onnx.errors import ModelError, UsageError
from spl_onnx.rewrite.graph.boundary import model_boundary
from spl_onnx.rewrite.model import validity
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn


def stumble(error):
    with model_boundary("reading it"):
        raise error


@pytest.mark.parametrize(
    "error", [KeyError("pads"), IndexError(), ValueError("a\nb"), OverflowError("x"), OSError("y")]
)
def test_unforeseen(error):
    with pytest.raises(
        ModelError, match=f"^unexpected {type(error).__name__} while reading it: .*report it$"
    ) as caught:
        stumble(error)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [UsageError("x"), MemoryError(), AssertionError(), NameError(), KeyboardInterrupt()]
)
def test_others_pass(error):
    with pytest.raises(type(error)) as caught:
        stumble(error)
    assert caught.value is error


def test_a_rewrite_is_within(monkeypatch):
    def fail(*args, **kwargs):
        raise KeyError("group")

    monkeypatch.setattr(validity, "require_inferable", fail)
    with pytest.raises(ModelError, match=r"^unexpected KeyError while rewriting the model: 'group'"):
        rewrite_model(small_cnn())
