"""Settings that somebody may have edited."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from spl_onnx.errors import UsageError
from spl_onnx.options import Choice
from spl_onnx.predictors.site_settings import NOTHING_SET, SiteSettings, numbers

INT8, PRUNED = {"predictor": "int8"}, {"predictor": "pruned"}
BYTES = {"xscale": [0.1, 3], "yscale": [0.2, 0]}
DIRECT, WINOGRAD = {"precision": "int8"}, {"precision": "int8_winograd"}


@pytest.mark.parametrize(
    ("choice", "settings"),
    [
        ("dense", {}),
        ("lossless", {}),
        ("lossless", {"floor": 0.0}),
        ("truncate", {"floor": 0.5}),
        ("truncate", {"shift": [0.5, 0]}),
        ("truncate", {"shift": [-0.5], "floor": 0.5}),
        ("predict", {**INT8, "shift": [0.25, -1]}),
        ("lossless", {"shift": []}),
        ("predict", {**INT8, "threshold": 0.1, "floor": 0.1, "xscale": [0.1, 3]}),
        (
            "predict",
            {**INT8, "keep": 0.3, "threshold": [0.1, -2], "correction": [0, 1.5], "input_rms": [0, 2]},
        ),
        ("predict", {**PRUNED, "keep": 1, "threshold": -1}),
        ("int8", DIRECT),
        ("int8", {**DIRECT, "xscale": [0.1, 3]}),
        ("int8", WINOGRAD),
        ("int8", {**DIRECT, **BYTES}),
        ("int8", {**WINOGRAD, **BYTES, "rscale": [0.5, 255]}),
        ("predict", {**PRUNED, "keep": 0.5, "weights": "any text: the layer says what fits it"}),
    ],
)
def test_good_settings(choice, settings):
    SiteSettings.from_json(settings, "here").validate(Choice(choice), "here")


@pytest.mark.parametrize(
    ("choice", "settings", "message"),
    [
        ("dense", [], r"settings is \[\], wanted an object"),
        ("predict", {"predictr": "int8"}, "unknown settings predictr; known are predictor, keep"),
        ("predict", {"predictor": "magic"}, "predictor is 'magic', wanted one of int8, pruned"),
        ("predict", {}, "choice predict needs a predictor"),
        ("lossless", {"floor": 0.1}, "lossless is exact, got floor.*; wanted choice truncate"),
        ("truncate", {}, "choice truncate has settings none; wanted a floor above 0"),
        ("truncate", {"floor": 0}, "wanted a floor above 0"),
        ("truncate", {"floor": 1, "predictor": "int8"}, "settings floor, predictor; wanted a floor above 0"),
        ("lossless", {"shift": [0.1]}, "lossless is exact, got shift; wanted choice truncate"),
        ("truncate", {"shift": []}, "choice truncate has settings shift; wanted a floor above 0, a shift"),
        ("truncate", {"shift": 0.5}, "shift is 0.5, wanted numbers, one per output channel"),
        ("truncate", {"shift": [1, float("nan")]}, "shift is"),
        ("predict", {**INT8, "shift": "up"}, "shift is 'up', wanted numbers"),
        ("truncate", {"floor": -1}, "floor is -1, wanted a number >= 0"),
        ("truncate", {"floor": float("nan")}, "floor is nan"),
        ("predict", {**PRUNED, "keep": 0}, "keep is 0"),
        ("predict", {**PRUNED, "keep": True}, "keep is True"),
        (
            "predict",
            {**PRUNED, "threshold": "high"},
            "threshold is .*wanted a number or one per output channel",
        ),
        ("predict", {**PRUNED, "threshold": [1, None]}, "threshold is"),
        ("predict", {**PRUNED, "correction": 1}, "correction is 1, wanted numbers, one per output channel"),
        ("predict", {**PRUNED, "input_rms": [1, -1]}, "input_rms holds -1"),
        ("predict", {**PRUNED, "input_rms": [float("inf")] * 99}, r"input_rms is \[inf, .*\.\.\., wanted"),
        ("predict", {**PRUNED, "weights": [0.1] * 99}, r"weights is \[0.1, .*\.\.\., wanted text"),
        ("truncate", {"floor": 1, "weights": ""}, "settings floor, weights; wanted a floor above 0"),
        ("predict", {**PRUNED, "xscale": [1, 0]}, "xscale belongs to the int8 predictor"),
        ("int8", {}, "choice int8 needs a precision, one of int8, int8_winograd"),
        ("int8", {"precision": "float32"}, "precision is 'float32', wanted one of int8, int8_winograd"),
        ("int8", {"precision": 8}, "precision is 8, wanted one of"),
        (
            "int8",
            {**DIRECT, "floor": 0.5, "shift": [1]},
            "has settings floor, shift; wanted precision, xscale",
        ),
        ("int8", {**DIRECT, **INT8}, "has settings predictor; wanted precision, xscale, yscale, rscale only"),
        (
            "int8",
            {**WINOGRAD, "xscale": [1, 0]},
            "xscale belongs to the int8 predictor and to precision int8",
        ),
        ("int8", {**DIRECT, "yscale": [1, 0]}, "yscale belongs to bytes, which have xscale and yscale"),
        ("int8", {**DIRECT, "xscale": [1, 0], "rscale": [1, 0]}, "rscale belongs to bytes"),
        ("int8", {**WINOGRAD, **BYTES, "yscale": [1, 0.5]}, "Yscale holds the zero point 0.5"),
        ("int8", {**WINOGRAD, **BYTES, "rscale": 7}, r"rscale is 7, wanted \[scale, zero point\]"),
        ("predict", {**INT8, **BYTES}, "yscale belongs to bytes"),
        ("int8", {**DIRECT, "xscale": [1, 300]}, "zero point 300"),
        ("lossless", DIRECT, "precision belongs to choice int8, got choice lossless; leave it out"),
        ("predict", {**INT8, **DIRECT}, "precision belongs to choice int8, got choice predict"),
        ("predict", {**INT8, "xscale": [1]}, r"xscale is \[1\], wanted \[scale, zero point\]"),
        ("predict", {**INT8, "xscale": [0, 0]}, "Xscale holds the scale 0"),
        ("predict", {**INT8, "xscale": [1, 300]}, "zero point 300"),
    ],
)
def test_bad_settings(choice, settings, message):
    with pytest.raises(UsageError, match=f"here: .*{message}"):
        SiteSettings.from_json(settings, "here").validate(Choice(choice), "here")


@pytest.mark.parametrize("name", ["keep", "threshold", "floor", "weights", "shift"])
def test_null_is_no_value(name):
    with pytest.raises(UsageError, match=f"here: {name} is null"):
        SiteSettings.from_json({**INT8, name: None}, "here")
    assert SiteSettings.from_json({"predictor": None, "xscale": None}, "here") == NOTHING_SET


def test_settings_come_back_from_json_as_they_were():
    content = {**PRUNED, "keep": 1, "correction": [0.5, 2], "threshold": -1, "floor": 0.0, "shift": []}
    made = SiteSettings.from_json(json.loads(json.dumps(content)), "here")
    assert list(made.as_json().items()) == list(content.items())
    assert made == SiteSettings(**content) and made.names == tuple(content)
    assert json.dumps(made.as_json()) == json.dumps(content)


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        NOTHING_SET.floor = 0.5
    assert NOTHING_SET.as_json() == {} and NOTHING_SET.kept == 1.0 and NOTHING_SET.changes == []


def test_numbers_of_an_array_are_those_of_json():
    made = numbers(np.float32([0.1, -2]))
    assert made == (float(np.float32(0.1)), -2.0) and {type(value) for value in made} == {float}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"floor": 0.12345}, "outputs up to 0.1235 become 0"),
        ({"shift": [0.5]}, "bias shifted"),
        ({"floor": 0.5, "shift": [0.5]}, "outputs up to 0.5 become 0, bias shifted"),
        ({"floor": 0.0, "shift": []}, "exact (lossless)"),
        (DIRECT, "products in 8 bits (int8)"),
        ({**DIRECT, "xscale": [0.1, 3]}, "products in 8 bits (int8, inputs of a fixed range)"),
        (WINOGRAD, "products in 8 bits (int8_winograd)"),
        ({**WINOGRAD, **BYTES}, "products in 8 bits (int8_winograd, bytes in and out)"),
        ({"predictor": "int8", "keep": 0.5}, "int8 predictor keeping 0.5 of the weights"),
        (
            {"predictor": "pruned", "keep": 0.2, "correction": [0.0]},
            "pruned predictor keeping 0.2 of the weights, with mean correction",
        ),
        (
            {"predictor": "pruned"},
            "pruned predictor keeping 1 of the weights, without mean correction (no data)",
        ),
    ],
)
def test_words_of_settings(settings, words):
    assert SiteSettings(**settings).describe() == words
