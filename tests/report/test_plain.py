"""Dataclasses as JSON has them, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spl_onnx.report.plain import as_json, from_json, optional


@dataclass(frozen=True)
class Part:
    number: float | None = None
    word: str | None = optional()


@dataclass(frozen=True)
class Whole:
    part: Part = field(default_factory=Part)
    maybe: Part | None = None
    many: Sequence[Part] = ()
    shape: Sequence[int] = ()


def test_fields_keep_their_order_and_only_optional_ones_are_left_out():
    whole = Whole(Part(np.float32(0.5), "a"), None, (Part(),), (1, 2))
    plain = as_json(whole)
    assert list(plain) == ["part", "maybe", "many", "shape"]
    assert plain == {
        "part": {"number": 0.5, "word": "a"},
        "maybe": None,
        "many": [{"number": None}],
        "shape": [1, 2],
    }


def test_what_is_written_can_be_read():
    whole = Whole(Part(1.0), Part(2.0, "b"), [Part(3.0), Part()], [4])
    assert from_json(Whole, as_json(whole)) == whole


def test_unknown_and_empty_entries_are_left_out():
    assert from_json(Whole, {"more": 1, "part": None, "maybe": {"number": 1.0}}) == Whole(maybe=Part(1.0))
