"""Right answers pass whatever their rounding; wrong ones do not."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.harden.answers import Call, UnjudgedError, problem_of
from scripts.harden.operators import Use, operators
from scripts.harden.operators_of_bytes import byte_operators

OPERATORS = {operator.label: operator for operator in (*operators(2), *byte_operators(2))}


@pytest.fixture(params=OPERATORS)
def call(request: pytest.FixtureRequest) -> Call:
    use = Use("good", "", OPERATORS[request.param])
    return Call(use.model(), use.feeds()[0])


def test_the_reference_itself_is_right(call: Call) -> None:
    assert problem_of(call.model, call.feeds, call.reference()) == ""


def test_one_changed_element_is_wrong(call: Call) -> None:
    answer = call.reference()
    place = np.unravel_index(np.argmax(answer), answer.shape)
    answer[place] = 0 if answer.dtype == np.uint8 else answer[place] * np.float32(1.001)
    problem = problem_of(call.model, call.feeds, answer)
    assert problem.startswith("1 of ") and str([int(i) for i in place]) in problem


def test_other_sizes_and_types_are_wrong(call: Call) -> None:
    answer = call.reference()
    assert "wanted" in problem_of(call.model, call.feeds, answer[:0])
    assert "wanted" in problem_of(call.model, call.feeds, answer.astype(np.float64))


def changed(label: str, **change: object) -> Call:
    use = Use("changed", "", OPERATORS[label], **change)  # type: ignore[arg-type]
    return Call(use.model(), use.feeds()[0])


def test_rounding_is_allowed_and_not_much_more() -> None:
    call = changed("gemm.srmm")
    answer = call.reference()
    eps = np.finfo(np.float32).eps
    assert problem_of(call.model, call.feeds, answer * (1 + 4 * eps).astype(np.float32)) == ""
    assert problem_of(call.model, call.feeds, answer * np.float32(1.001))


def test_anything_is_allowed_where_sums_overflow_and_only_there() -> None:
    x = operators(2)[0].tensors["X"].copy()
    x[0, 0, 0] = np.nan
    call = changed("conv.srmm", tensors={"X": x})
    answer = call.reference()
    answer[0, 0, 0] = 7
    assert problem_of(call.model, call.feeds, answer) == ""
    answer[0, 3, 3, 0] += 1
    assert problem_of(call.model, call.feeds, answer).startswith("1 of ")


def test_an_answer_where_the_reference_refuses_is_wrong() -> None:
    call = changed("conv.select", tensors={"S": np.full((1, 3, 3, 18), 200, np.uint8)})
    answer = np.zeros((1, 3, 3, 18), np.float32)
    assert "the reference refuses" in problem_of(call.model, call.feeds, answer)


def test_the_second_best_place_is_wrong_unless_the_scores_are_equal() -> None:
    call = changed("conv.predict.float")
    answer = call.reference()
    place = tuple(np.argwhere(answer > 0)[0])
    answer[place] = answer[place] % 4 + 1
    assert problem_of(call.model, call.feeds, answer).startswith("1 of ")


def test_what_is_too_large_for_the_reference_is_not_judged() -> None:
    call = changed("conv.srmm", attributes={"pads": [2**20] * 4})
    with pytest.raises(UnjudgedError):
        problem_of(call.model, call.feeds, np.zeros(1, np.float32))
