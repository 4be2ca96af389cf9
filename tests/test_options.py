"""Options and errors."""

from __future__ import annotations

import json

import pytest

from spl_onnx.errors import UsageError
from spl_onnx.options import DEFAULT_KEEP, Choice, RewriteOptions, name_list


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"predictor": "magic"}, "--predictor: got 'magic', wanted one of auto, int8, pruned"),
        ({"provider": "tpu"}, "--provider: got 'tpu', wanted one of cpu, cuda"),
        ({"objective": "fun"}, "--objective: got 'fun', wanted one of time, flops, none"),
        (
            {"choices": "dense,fast"},
            "--choices: got 'fast', wanted one of dense, lossless, predict",
        ),
        ({"choices": "dense,truncate"}, "--choices: got 'truncate', wanted lossless: a search"),
        ({"threads": -1}, "--threads: got -1"),
        ({"threads": 1 << 40}, "--threads: got 1099511627776, wanted 0 .* up to 4096"),
        ({"seed": -1}, "--seed: got -1, wanted a whole number"),
        ({"time_images": 1}, "--time-images: got 1"),
        ({"time_batch": 0}, "--time-batch: got 0"),
        ({"search_images": 31}, "--search-images: got 31, wanted at least 32"),
        (
            {"scheme": "fastest"},
            "--scheme: got 'fastest', wanted one of lagrange, price, los, rlos, fdos, saos",
        ),
        ({"search_seconds": -1.0}, "--search-seconds: got -1"),
        ({"search_seconds": float("nan")}, "--search-seconds: got nan"),
        ({"weights": "int4"}, "--weights: got 'int4', wanted one of float32, int8"),
        ({"weights": "int8"}, "--weights int8: no site would multiply in 8 bits; wanted --precision int8"),
        ({"weights": "int8", "data": "d", "max_drop": 0.0}, "no site would multiply in 8 bits"),
        ({"weights": "int8", "data": "d", "precision": "float32"}, "no site would multiply in 8 bits"),
        ({"precision": "int4"}, "--precision: got 'int4', wanted one of auto, float32, int8"),
        (
            {"precision": "int8", "lossless": True},
            "--precision int8 makes every site multiply in 8 bits, on the CPU: leave out --lossless",
        ),
        (
            {"precision": "int8", "objective": "flops", "provider": "cuda"},
            "leave out --objective flops, --provider cuda",
        ),
        ({"precision": "int8", "predictor": "pruned", "keep": 0.5}, "leave out --predictor, --keep"),
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


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ({}, False),
        ({"data": "d"}, True),
        ({"data": "d", "objective": "none"}, False),
        ({"data": "d", "plan": "p.json"}, False),
        ({"data": "d", "precision": "float32"}, True),
        ({"data": "d", "precision": "int8"}, False),
    ],
)
def test_when_times_decide(values, chosen):
    assert RewriteOptions(**values).chooses_by_time is chosen


@pytest.mark.parametrize(
    ("values", "spends"),
    [
        ({}, False),
        ({"data": "d"}, True),
        ({"data": "d", "max_drop": 0.0}, False),
        ({"data": "d", "objective": "flops", "max_drop": 0.0}, True),
        ({"data": "d", "objective": "none"}, False),
        ({"data": "d", "lossless": True}, False),
        ({"data": "d", "plan": "p.json"}, False),
        ({"data": "d", "precision": "int8"}, False),
        ({"objective": "flops"}, False),
    ],
)
def test_when_accuracy_may_be_given_away(values, spends):
    """Operations may be saved without a loss; time without a budget is a matter of the choices."""
    assert RewriteOptions(**values).spends_accuracy is spends


@pytest.mark.parametrize(
    ("values", "is_in_8_bits"),
    [
        ({}, False),
        ({"precision": "float32"}, False),
        ({"precision": "int8"}, True),
        ({"precision": "int8", "plan": "p.json"}, False),
    ],
)
def test_when_every_site_is_in_8_bits(values, is_in_8_bits):
    """A plan says itself what becomes of each site."""
    assert RewriteOptions(**values).is_in_8_bits is is_in_8_bits


@pytest.mark.parametrize(
    ("values", "converting"),
    [
        ({}, ("lossless", "predict")),
        ({"lossless": True}, ("lossless",)),
        ({"choices": "predict, dense"}, ("predict",)),
        ({"choices": ["dense"]}, ()),
    ],
)
def test_choices(values, converting):
    assert RewriteOptions(**values).converting_choices == converting


def test_name_list():
    assert name_list("a, b,,c ") == ("a", "b", "c")
    assert name_list(["a", " b"]) == ("a", "b")
    assert name_list("") == ()


@pytest.mark.parametrize("choice", Choice)
def test_a_choice_is_its_name(choice):
    """In texts, in JSON and as the key of a table."""
    assert f"{choice}" == str(choice) == json.loads(json.dumps(choice)) == choice.value == choice
    assert {choice.value: 1}[choice] == {choice: 1}[choice.value] == 1
