"""Tensors that contradict each other at run time: an error with both shapes, not a crash."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto

import spl_onnx
from spl_onnx.spec.attributes import (
    DOMAIN_CONV,
    DOMAIN_GEMM,
    PREDICT,
    SRMM,
    Activation,
    ConvGeometry,
    Pooling,
    predict_attributes,
    srmm_attributes,
)
from tests.one_node import one_node

RELU = Activation.relu()
POOL = Pooling((2, 2), (2, 2))
FLOATS = np.float32


def session_of(op_type, domain, fed, constants, attributes, types=None):
    """A session with one operator, all its tensors of unknown size.

    Args:
        op_type: operator.
        domain: its domain.
        fed: names of the inputs that are fed, in order; "" where one is omitted.
        constants: initializers by name.
        attributes: of the node.
        types: element types of fed inputs that are not float32.
    """
    model = one_node(op_type, domain, attributes, fed, constants=constants, types=types)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    spl_onnx.register(options)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def conv_srmm(fed, constants, pooling=POOL):
    attributes = srmm_attributes(ConvGeometry(), pooling, RELU)
    return session_of(SRMM, DOMAIN_CONV, fed, constants, attributes, {"s": TensorProto.UINT8})


def failure(session, **feeds):
    """The text of the error a run gives."""
    with pytest.raises(Exception, match="Non-zero status code") as caught:
        session.run(None, feeds)
    return str(caught.value)


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def mentions(text, *shapes):
    """Whether a message holds each shape, however its numbers are separated."""
    plain = text.replace(" ", "")
    return all(",".join(map(str, shape)) in plain or "x".join(map(str, shape)) in plain for shape in shapes)


def test_channels_that_contradict_the_weights(plugin_path):
    session = conv_srmm(["x", "w"], {"w": zeros(4, 3, 3, 8)})
    text = failure(session, x=zeros(2, 10, 12, 7))
    assert mentions(text, (2, 10, 12, 7), (4, 3, 3, 8))
    assert "site/node" in text


@pytest.mark.parametrize("x", [(0, 2**21, 2**21, 8), (0, 2**38, 1, 8)])
def test_sizes_beyond_any_memory(plugin_path, x):
    session = conv_srmm(["x", "w"], {"w": zeros(4, 3, 3, 8)})
    text = failure(session, x=zeros(*x))
    assert mentions(text, x, (4, 3, 3, 8)) and "too large" in text and "INVALID_ARGUMENT" in text


def test_padding_beyond_any_memory(plugin_path):
    # No image can have an output then, so the node is refused before there is one.
    attributes = srmm_attributes(ConvGeometry(pads=(2**20,) * 4), Pooling.none(), RELU)
    with pytest.raises(Exception, match=r"site/node.*weights \[4,1,1,8\]: the output is too large"):
        session_of(SRMM, DOMAIN_CONV, ["x", "w"], {"w": zeros(4, 1, 1, 8)}, attributes)


@pytest.mark.parametrize("x", [(2**40, 2**20, 0), (2**20, 0, 2**20, 2**17, 4)])
def test_empty_matrices_of_any_size(plugin_path, x):
    session = session_of(SRMM, DOMAIN_GEMM, ["x", "w"], {"w": zeros(4, 4)}, srmm_attributes(None, None, RELU))
    if x[-1] == 4:
        assert session.run(None, {"x": zeros(*x)})[0].shape == x
    else:
        assert mentions(failure(session, x=zeros(*x)), x, (4, 4))


def test_rank_of_an_image(plugin_path):
    session = conv_srmm(["x", "w"], {"w": zeros(4, 3, 3, 8)})
    assert mentions(failure(session, x=zeros(10, 12, 8)), (10, 12, 8))


def test_image_smaller_than_the_kernel(plugin_path):
    session = conv_srmm(["x", "w"], {"w": zeros(4, 3, 3, 8)})
    failure(session, x=zeros(1, 2, 12, 8))


def test_bias_of_the_wrong_length(plugin_path):
    with pytest.raises(Exception, match="5"):
        session = conv_srmm(["x", "w", "b"], {"w": zeros(4, 3, 3, 8), "b": zeros(5)})
        session.run(None, {"x": zeros(1, 6, 6, 8)})


def test_columns_that_contradict_the_weights_of_a_matrix(plugin_path):
    session = session_of(SRMM, DOMAIN_GEMM, ["x", "w"], {"w": zeros(4, 6)}, srmm_attributes(None, None, RELU))
    assert mentions(failure(session, x=zeros(3, 2, 5)), (3, 2, 5), (4, 6))


def test_columns_that_contradict_transposed_weights(plugin_path):
    attributes = srmm_attributes(None, None, RELU, transposed=True)
    session = session_of(SRMM, DOMAIN_GEMM, ["x", "w"], {"w": zeros(6, 4)}, attributes)
    assert session.run(None, {"x": zeros(3, 2, 6)})[0].shape == (3, 2, 4)
    text = failure(session, x=zeros(3, 2, 4))
    assert mentions(text, (3, 2, 4), (6, 4)) and "wanted 6" in text


def test_an_order_of_weights_that_is_none(plugin_path):
    attributes = srmm_attributes(None, None, RELU) | {"w_perm": [1, 1]}
    with pytest.raises(Exception, match=r"site/node.*w_perm: got \[1,1\], wanted \[1,0\] .* or \[0,1\]"):
        session_of(SRMM, DOMAIN_GEMM, ["x", "w"], {"w": zeros(4, 4)}, attributes)


def test_predictor_with_other_channels(plugin_path):
    constants = {"wp": zeros(4, 3, 3, 8), "bp": zeros(4)}
    session = session_of(
        PREDICT, DOMAIN_CONV, ["x", "wp", "bp"], constants, predict_attributes(ConvGeometry(), POOL)
    )
    assert mentions(failure(session, x=zeros(1, 6, 6, 9)), (1, 6, 6, 9), (4, 3, 3, 8))


def test_selection_of_another_shape(plugin_path):
    session = conv_srmm(["x", "w", "", "s"], {"w": zeros(4, 3, 3, 8)})
    text = failure(session, x=zeros(1, 6, 6, 8), s=zeros(1, 2, 3, 4, dtype=np.uint8))
    assert mentions(text, (1, 2, 3, 4), (1, 2, 2, 4))


def test_residual_of_another_shape(plugin_path):
    session = conv_srmm(["x", "w", "", "", "r"], {"w": zeros(4, 3, 3, 8)})
    text = failure(session, x=zeros(1, 6, 6, 8), r=zeros(1, 3, 4, 4))
    assert mentions(text, (1, 3, 4, 4))


@pytest.mark.parametrize("value", [5, 200, 255])
def test_selection_beyond_the_window(plugin_path, value):
    session = conv_srmm(["x", "w", "", "s"], {"w": zeros(4, 3, 3, 8)})
    s = zeros(1, 2, 2, 4, dtype=np.uint8)
    session.run(None, {"x": zeros(1, 6, 6, 8), "s": s + 4})
    s[0, 1, 0, 2] = value
    text = failure(session, x=zeros(1, 6, 6, 8), s=s)
    assert str(value) in text and mentions(text, (0, 1, 0, 2))


def test_selection_above_one_without_pooling(plugin_path):
    session = conv_srmm(["x", "w", "", "s"], {"w": zeros(4, 3, 3, 8)}, Pooling.none())
    s = zeros(1, 4, 4, 4, dtype=np.uint8)
    s[0, 3, 1, 2] = 2
    assert mentions(failure(session, x=zeros(1, 6, 6, 8), s=s), (0, 3, 1, 2))


def test_selection_in_the_padding(plugin_path):
    padded = Pooling((2, 2), (2, 2), (1, 1, 0, 0))
    session = conv_srmm(["x", "w", "", "s"], {"w": zeros(4, 3, 3, 8)}, padded)
    good = zeros(1, 2, 2, 4, dtype=np.uint8)
    session.run(None, {"x": zeros(1, 6, 6, 8), "s": good})
    good[0, 0, 0, 0] = 1
    assert mentions(failure(session, x=zeros(1, 6, 6, 8), s=good), (0, 0, 0, 0))


def test_the_session_works_after_an_error(plugin_path):
    session = conv_srmm(["x", "w"], {"w": np.ones((4, 3, 3, 8), np.float32)})
    failure(session, x=zeros(1, 6, 6, 7))
    assert (session.run(None, {"x": np.ones((1, 6, 6, 8), np.float32)})[0] == 72).all()


def test_weights_that_are_fed_work_and_are_checked(plugin_path):
    session = conv_srmm(["x", "w"], {})
    ones = np.ones((4, 3, 3, 8), FLOATS)
    assert (session.run(None, {"x": np.ones((1, 6, 6, 8), FLOATS), "w": ones})[0] == 72).all()
    assert mentions(failure(session, x=zeros(1, 6, 6, 7), w=ones), (1, 6, 6, 7), (4, 3, 3, 8))


@pytest.mark.parametrize(
    ("attribute", "value", "wanted"),
    [
        ("pool_strides", [1, 2], r"pool_strides: got \[1,2\] without pooling, wanted \[1,1\]"),
        ("floor", float("inf"), "floor: got inf, wanted a finite value"),
        ("floor", float("nan"), "floor: got nan, wanted a finite value"),
    ],
)
def test_attributes_that_the_specification_refuses(plugin_path, attribute, value, wanted):
    attributes = srmm_attributes(ConvGeometry(), Pooling.none(), RELU) | {attribute: value}
    with pytest.raises(Exception, match=rf"site/node.*{wanted}"):
        session_of(SRMM, DOMAIN_CONV, ["x", "w"], {"w": zeros(4, 3, 3, 8)}, attributes)
