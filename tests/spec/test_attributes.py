import math
import re
from pathlib import Path

import numpy as np
import pytest

from spl_onnx.errors import ModelError
from spl_onnx.spec import attributes as at
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling, predict_attributes, srmm_attributes

GEOMETRY = ConvGeometry((2, 1), (1, 0, 2, 1), (1, 3), 4)
POOLING = Pooling((3, 2), (2, 1), (2, 1, 0, 1), True)
CONTRACT = Path(__file__).parents[2] / "docs" / "operators.md"


def documented(operator: str, domain: str) -> set[str]:
    """Attribute names that the table of docs/operators.md gives to an operator of a domain."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|", CONTRACT.read_text(), re.MULTILINE)
    names = set()
    for cell, where in rows:
        who = {part.strip() for part in where.split(",")}
        here = not who & {"conv", "gemm"} or domain in who
        if here and (operator in who or who == {"conv"}):
            names |= set(re.findall(r"`(\w+)`", cell))
    return names


def test_written_attributes_are_the_documented_ones():
    assert set(predict_attributes(GEOMETRY, POOLING)) == documented("SPLPredict", "conv")
    assert set(srmm_attributes(GEOMETRY, POOLING, Activation.relu())) == documented("SRMM", "conv")
    assert set(srmm_attributes(None, None, Activation.relu())) == documented("SRMM", "gemm")
    assert predict_attributes(None) == {}


def test_parsing_gives_back_what_was_written():
    activation = Activation(-1.0, 2.5, 0.25)
    written = srmm_attributes(GEOMETRY, POOLING, activation, "zero_skip")
    assert at.parse_geometry(written) == GEOMETRY
    assert at.parse_pooling(written) == POOLING
    assert at.parse_activation(written) == activation
    assert written["strategy"] == "zero_skip"
    assert predict_attributes(GEOMETRY, POOLING, select_all=True)["select_all"] == 1


def test_values_are_plain_numbers_and_lists():
    written = srmm_attributes(GEOMETRY, POOLING, Activation.relu())
    assert written["pads"] == [1, 0, 2, 1] and type(written["pool_ceil"]) is int
    assert written["clip_max"] == math.inf and type(written["clip_min"]) is float


def test_lists_and_tuples_make_equal_records():
    assert ConvGeometry([2, 1], [1, 0, 2, 1], [1, 3], 4) == GEOMETRY  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kwargs", "named"),
    [
        ({"strides": (0, 1)}, "strides"),
        ({"strides": (1, 1, 1)}, "strides"),
        ({"pads": (-1, 0, 0, 0)}, "pads"),
        ({"pads": (1, 1)}, "pads"),
        ({"dilations": (1, 0)}, "dilations"),
        ({"group": 0}, "group"),
        ({"strides": (1.5, 1)}, "strides"),
    ],
)
def test_bad_geometry_names_the_attribute(kwargs, named):
    with pytest.raises(ModelError, match=named):
        ConvGeometry(**kwargs)


@pytest.mark.parametrize(
    ("kwargs", "named"),
    [
        ({"kernel": (0, 2)}, "pool_kernel"),
        ({"kernel": (5, 51)}, "255 places"),
        ({"kernel": (2, 2), "strides": (0, 1)}, "pool_strides"),
        ({"kernel": (2, 3), "pads": (2, 0, 0, 0)}, "pool_pads"),
        ({"kernel": (2, 3), "pads": (0, 0, 0, 3)}, "pool_pads"),
        ({"kernel": (1, 1), "strides": (2, 2)}, "pool_strides"),
        ({"kernel": (1, 1), "pads": (1, 0, 0, 0)}, "pool_pads"),
    ],
)
def test_bad_pooling_names_the_attribute(kwargs, named):
    with pytest.raises(ModelError, match=named):
        Pooling(**kwargs)


def test_largest_window_is_accepted():
    assert Pooling((2, 127)).area == 254


def test_normalisation_is_written_and_parsed():
    norm = at.ResponseNorm(4, 0.5, 1.0, 2.0)
    assert at.lrn_attributes(norm) == {"size": 4, "alpha": 0.5, "beta": 1.0, "bias": 2.0}
    assert at.parse_lrn(at.lrn_attributes(norm)) == norm
    assert (norm.before, norm.after) == (1, 2)
    assert set(at.lrn_attributes(norm)) == documented("ChannelsLastLRN", "")


def test_a_pooling_of_its_own_has_the_attributes_of_a_window():
    written = at.pool_attributes(POOLING)
    assert written.items() <= predict_attributes(GEOMETRY, POOLING).items()
    assert at.parse_pooling(written) == POOLING


@pytest.mark.parametrize(
    ("values", "named"),
    [((0,), "size"), ((1.5,), "size"), ((3, math.nan), "alpha"), ((3, 1.0, math.inf), "beta")],
)
def test_bad_normalisation_is_refused(values, named):
    with pytest.raises(ModelError, match=named):
        at.ResponseNorm(*values)


@pytest.mark.parametrize(
    "values", [(1.0, 0.0), (math.nan, 1.0), (0.0, math.nan), (0.0, 1.0, -0.1), (0.0, 1.0, math.inf)]
)
def test_bad_activation_is_refused(values):
    with pytest.raises(ModelError):
        Activation(*values)


def test_matrix_operators_have_no_window():
    with pytest.raises(ModelError, match="matrix"):
        predict_attributes(None, POOLING)
    with pytest.raises(ModelError, match="matrix"):
        srmm_attributes(None, POOLING, Activation.relu())
    with pytest.raises(ModelError, match="select_all"):
        predict_attributes(None, select_all=True)


def test_images_have_one_order_of_weights():
    with pytest.raises(ModelError, match="transposed weights on an image"):
        srmm_attributes(GEOMETRY, None, Activation.relu(), transposed=True)
    assert "w_perm" not in srmm_attributes(GEOMETRY, None, Activation.relu())


@pytest.mark.parametrize("transposed", [False, True])
def test_the_order_of_matrix_weights_is_read_again(transposed):
    written = srmm_attributes(None, None, Activation.relu(), transposed=transposed)
    w = np.zeros((3, 2) if transposed else (2, 3))
    assert np.transpose(w, written["w_perm"]).shape == (3, 2)
    assert at.parse_transposed(written) is transposed


@pytest.mark.parametrize("perm", [[0, 0], [1], [1, 0, 2]])
def test_an_order_of_weights_that_is_none_is_refused(perm):
    with pytest.raises(ModelError, match=r"w_perm is .*; wanted \[1, 0\] .* or \[0, 1\]"):
        at.parse_transposed({"w_perm": perm})


@pytest.mark.parametrize("precision", at.PRECISIONS)
def test_the_precision_is_read_again(precision):
    written = srmm_attributes(None, None, Activation.relu(), precision=precision)
    assert at.parse_precision(written) == precision
    assert at.parse_precision({"precision": precision.encode()}) == precision


def test_nodes_without_a_precision_are_float32():
    assert at.parse_precision({}) == "float32"


def test_an_unknown_precision_is_refused():
    with pytest.raises(ModelError, match="precision is 'int4'; wanted one of float32, int8, int8_winograd"):
        srmm_attributes(None, None, Activation.relu(), precision="int4")
    with pytest.raises(ModelError, match="precision is 'int4'; wanted one of float32, int8, int8_winograd"):
        at.parse_precision({"precision": b"int4"})


def test_unknown_strategy_and_missing_attribute_are_named():
    with pytest.raises(ModelError, match="fast"):
        srmm_attributes(None, None, Activation.relu(), "fast")
    with pytest.raises(ModelError, match="dilations is missing"):
        at.parse_geometry({"strides": [1, 1], "pads": [0] * 4, "group": 1})
