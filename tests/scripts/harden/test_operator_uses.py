"""Hostile uses: clean ones are clean, and a wrong answer, a crash or a needless error is not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from scripts.harden import operator_uses
from scripts.harden.layer_uses import suits_any_layer
from scripts.harden.operator_uses import check, main, products, uses
from scripts.harden.operators import Use, operators
from scripts.harden.operators_of_bytes import byte_operators
from scripts.harden.use_families import FAMILIES


@pytest.fixture(scope="module")
def found() -> list[Use]:
    return uses(3)


def test_every_family_meets_the_operators_it_is_about(found: list[Use]) -> None:
    assert len(found) >= 4_700
    assert set(Counter(use.family for use in found)) == {family.__name__ for family in FAMILIES}
    layers = {use.operator.label for use in found if use.family == "layers"}
    assert layers == {o.label for o in (*operators(3), *byte_operators(3)) if suits_any_layer(o)}
    assert {use.operator.label for use in found} > {o.label for o in byte_operators(3)}


def test_a_seed_gives_the_same_uses(found: list[Use]) -> None:
    again = uses(3)
    assert [use.name for use in again] == [use.name for use in found] != [use.name for use in uses(4)]
    assert all(
        np.array_equal(a.fed["X"], b.fed["X"])
        for a, b in zip(found[:50], again, strict=False)
        if "X" in a.fed
    )


def test_good_nodes_are_answered_rightly(plugin_path: str) -> None:
    for operator in (*operators(1), *byte_operators(1)):
        assert check(Use("good", "", operator, must_run=True), plugin_path) == ""


def test_a_wrong_answer_is_found(plugin_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library computes the good node; the reference is told another bias."""
    operator = next(o for o in operators(1) if o.label == "conv.srmm")
    judged = operator_uses.problem_of
    other = Use("other", "", operator, tensors={"B": operator.tensors["B"] + np.float32(0.001)}).model()
    monkeypatch.setattr(operator_uses, "problem_of", lambda model, feeds, got: judged(other, feeds, got))
    assert "wrong, first" in check(Use("good", "", operator, must_run=True), plugin_path)


def test_an_error_is_a_fault_only_where_nothing_is_wrong(plugin_path: str) -> None:
    operator = operators(1)[0]
    for must_run in (False, True):
        use = Use("bad", "", operator, {"group": 0}, must_run=must_run)
        assert check(use, plugin_path).startswith("refused") == must_run


def test_products_are_those_of_the_layer() -> None:
    operator = next(o for o in operators(1) if o.label == "conv.srmm")
    assert products(Use("good", "", operator)) == 6 * 6 * 18 * 3 * 3 * 4
    assert products(Use("bad", "", operator, {"strides": None})) == 0


def test_the_driver_counts(plugin_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "12", "--seed", "5"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "operator uses: tried 12, clean 12, bad 0"
