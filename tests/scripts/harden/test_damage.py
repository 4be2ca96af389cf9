"""Damage follows from its seed alone, and leaves something of the model."""

from __future__ import annotations

import onnx
import pytest

from scripts.harden.bases import REWRITTEN, base, base_names
from scripts.harden.damage import KINDS, damaged
from spl_onnx.spec.attributes import SRMM


@pytest.fixture(scope="module", params=["residual", "normed", "mixed", "digits"])
def name(request):
    return request.param


def test_bases_are_sound(name):
    onnx.checker.check_model(onnx.load_from_string(base(name)), full_check=True)


def test_rewritten_bases_hold_our_operators(name):
    assert name + REWRITTEN in base_names()
    assert any(node.op_type == SRMM for node in onnx.load_from_string(base(name + REWRITTEN)).graph.node)


@pytest.mark.parametrize("kind", KINDS)
def test_same_number_same_damage(name, kind):
    made = [damaged(base(name), kind, number) for number in range(40)]
    assert made == [damaged(base(name), kind, number) for number in range(40)]
    assert len(set(made)) > 20


def test_structure_can_still_be_read(name):
    for number in range(40):
        onnx.load_from_string(damaged(base(name), "structure", number))
