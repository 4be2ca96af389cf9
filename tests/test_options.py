"""Options and errors."""

from __future__ import annotations

import pytest

from spl_onnx.errors import UsageError
from spl_onnx.options import DEFAULT_KEEP, RewriteOptions, name_list


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"predictor": "magic"}, "--predictor: got 'magic', wanted one of auto, int8, pruned"),
        ({"objective": "fun"}, "--objective: got 'fun'"),
        ({"keep": 0.0}, "--keep: got 0.0"),
        ({"keep": 1.5}, "--keep: got 1.5"),
        ({"keep": 0.5, "predictor": "int8"}, "--keep belongs to the pruned predictor"),
        ({"lossless": True, "predictor": "int8"}, "--lossless predicts nothing"),
        ({"max_drop": -0.1}, "--max-drop: got -0.1"),
        ({"external_data_threshold": -1}, "--external-data-threshold: got -1"),
        ({"max_dorp": 0.1}, "unknown option max_dorp; known are rules,"),
    ],
)
def test_bad_values(values, text):
    with pytest.raises(UsageError, match=text):
        RewriteOptions.from_kwargs(**values)


@pytest.mark.parametrize(
    ("values", "predictor", "keep"),
    [
        ({}, "int8", DEFAULT_KEEP),
        ({"keep": 0.5}, "pruned", 0.5),
        ({"predictor": "pruned"}, "pruned", DEFAULT_KEEP),
        ({"predictor": "int8"}, "int8", DEFAULT_KEEP),
    ],
)
def test_predictor(values, predictor, keep):
    options = RewriteOptions(**values)
    assert (options.effective_predictor, options.effective_keep) == (predictor, keep)


def test_name_list():
    assert name_list("a, b,,c ") == ("a", "b", "c")
    assert name_list(["a", " b"]) == ("a", "b")
    assert name_list("") == ()
