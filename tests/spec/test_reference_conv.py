import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Activation, ConvGeometry, Pooling
from spl_onnx.spec.quantize import dynamic_scale, quantize_weights
from spl_onnx.spec.reference import conv_predict, conv_scores, conv_srmm
from tests.spec.cases import ConvCase, conv_cases
from tests.spec.dense import dense_conv

F = np.float32


def srmm(case: ConvCase, s=None, **changes):
    values = {"geometry": case.geometry, "pooling": case.pooling, "activation": case.activation} | changes
    return conv_srmm(case.x, case.w, case.b, s, case.r, **values)


@settings(deadline=None, max_examples=150)
@given(conv_cases())
def test_srmm_without_selection_is_the_dense_layer(case):
    wanted = dense_conv(case)
    got = srmm(case)
    assert got.shape == wanted.shape and got.dtype == np.float32
    assert abs(got - wanted).max(initial=0) <= case.tolerance


@settings(deadline=None)
@given(conv_cases())
def test_float_scores_are_the_values_before_activation(case):
    scores = conv_scores(case.x, case.w, case.b, r=case.r, geometry=case.geometry)
    np.testing.assert_array_equal(scores, srmm(case, pooling=Pooling.none(), activation=Activation.none()))


@settings(deadline=None)
@given(conv_cases(), st.booleans())
def test_selection_by_the_true_weights_loses_nothing(case, select_all):
    case = dataclasses.replace(case, activation=Activation.none() if select_all else Activation.relu())
    s = conv_predict(
        case.x, case.w, case.b, r=case.r, geometry=case.geometry, pooling=case.pooling, select_all=select_all
    )
    np.testing.assert_array_equal(srmm(case, s), srmm(case))
    assert (s > 0).all() or not select_all


@settings(deadline=None)
@given(conv_cases())
def test_what_is_not_selected_is_zero(case):
    s = conv_predict(case.x, -case.w, case.b, geometry=case.geometry, pooling=case.pooling)
    result = srmm(case, s, activation=Activation.none())
    assert (result[s == 0] == 0).all()


@settings(deadline=None)
@given(conv_cases(), st.floats(0.125, 2, width=32))
def test_floor_zeroes_small_values_before_or_after_pooling_alike(case, floor):
    exact = srmm(case)
    truncated = srmm(case, activation=dataclasses.replace(case.activation, floor=floor))
    np.testing.assert_array_equal(truncated, np.where(exact <= F(floor), 0, exact))


@settings(deadline=None)
@given(conv_cases(), st.floats(-2, 2, width=32))
def test_residual_of_one_element_is_added_everywhere(case, value):
    one = dataclasses.replace(case, r=np.full((1, 1, 1, 1), value, np.float32))
    everywhere = dataclasses.replace(case, r=np.full_like(case.r, value))
    np.testing.assert_array_equal(srmm(one), srmm(everywhere))
    none = conv_srmm(
        case.x, case.w, case.b, geometry=case.geometry, pooling=case.pooling, activation=case.activation
    )
    np.testing.assert_array_equal(srmm(dataclasses.replace(case, r=np.zeros(1, np.float32))), none)


def scores_by_loops(case: ConvCase, wp, wscale, scale, zero_point):
    """Int8 scores exactly as docs/operators.md writes them, with padding of value z, one output at a time."""
    g, (filters, kh, kw, channels) = case.geometry, wp.shape
    scores = np.zeros_like(case.r)
    top, left, bottom, right = g.pads
    for n in range(case.x.shape[0]):
        s, z = F(scale[n]), int(zero_point[n])
        q = np.nan_to_num(np.rint(case.x[n] * (F(1) / s)) + F(z), nan=0, posinf=255, neginf=0)
        q = np.clip(q, 0, 255).astype(np.int64)
        q = np.pad(q, ((top, bottom), (left, right), (0, 0)), constant_values=z)
        for i, j, o in np.ndindex(scores.shape[1:]):
            first = o // (filters // g.group) * channels
            rows, columns = i * g.strides[0], j * g.strides[1]
            patch = q[rows:, columns:, first : first + channels][:: g.dilations[0], :: g.dilations[1]][
                :kh, :kw
            ]
            a = int((patch * wp[o].astype(np.int64)).sum()) - z * int(wp[o].astype(np.int64).sum())
            scores[n, i, j, o] = F(F(F(a) * F(s * wscale[o])) + case.b[o]) + case.r[n, i, j, o]
    return scores


@settings(deadline=None, max_examples=40)
@given(conv_cases(), st.sampled_from(["dynamic", "scale", "scale and zero point"]), st.booleans())
def test_int8_scores_are_the_written_operations_bit_for_bit(case, kind, wild):
    if wild:
        x = case.x.copy()
        x.ravel()[::7] = np.resize(F([np.nan, np.inf, -np.inf, 1e30]), x.ravel()[::7].shape)
        case = dataclasses.replace(case, x=x)
    wp, wscale = quantize_weights(case.w)
    batch = case.x.shape[0]
    xscale = {"dynamic": None, "scale": F([0.02]), "scale and zero point": F([0.03, 100])}[kind]
    if xscale is None:
        scale, zero_point = (v.ravel() for v in dynamic_scale(case.x, (1, 2, 3)))
    else:
        scale, zero_point = [xscale[0]] * batch, [xscale[1] if xscale.size == 2 else 0] * batch
    with np.errstate(all="ignore"):
        wanted = scores_by_loops(case, wp, wscale, scale, zero_point)
    got = conv_scores(case.x, wp, case.b, wscale, xscale, case.r, geometry=case.geometry)
    np.testing.assert_array_equal(got, wanted)


def test_int8_by_hand():
    # x in -1..1.55 has scale 0.01 and zero point 100; weights 127 and -127 have scale 1.
    x = np.array([-1, 0, 0.5, 1.55], np.float32).reshape(1, 1, 2, 2)
    wp = np.array([127, -127], np.int8).reshape(1, 1, 1, 2)
    scores = conv_scores(x, wp, F([0.25]), F([1]), geometry=ConvGeometry())
    scale = F(2.55) / F(255)
    assert scores.ravel().tolist() == [
        F(127 * (-100)) * scale + F(0.25),
        F(127 * (50 - 155)) * scale + F(0.25),
    ]


@settings(deadline=None, max_examples=30)
@given(conv_cases())
def test_int8_scores_of_an_image_do_not_depend_on_the_batch(case):
    wp, wscale = quantize_weights(case.w)
    x = np.concatenate([case.x, 100 * case.x])
    together = conv_scores(x, wp, case.b, wscale, geometry=case.geometry)
    alone = conv_scores(case.x, wp, case.b, wscale, geometry=case.geometry)
    np.testing.assert_array_equal(together[: len(alone)], alone)


def test_int8_sums_are_exact_at_the_limit():
    wp = np.full((1, 256, 256, 1), -127, np.int8)
    x = np.full((1, 256, 256, 1), 255, np.float32)
    score = conv_scores(x, wp, F([0]), F([1]), F([1]), geometry=ConvGeometry())
    assert score.item() == F(-127 * 255 * 65536)
    with pytest.raises(ModelError, match="65792 products"):
        conv_scores(
            np.ones((1, 257, 256, 1), np.float32), np.ones((1, 257, 256, 1), np.int8), F([0]), F([1]),
            geometry=ConvGeometry(),
        )  # fmt: skip


def test_empty_batch_gives_an_empty_result():
    x, w = np.zeros((0, 4, 4, 2), np.float32), np.ones((3, 3, 3, 2), np.float32)
    wp, wscale = quantize_weights(w)
    layer = {"geometry": ConvGeometry(), "pooling": Pooling((2, 2), (2, 2))}
    assert conv_srmm(x, w, **layer, activation=Activation.relu()).shape == (0, 1, 1, 3)
    assert conv_predict(x, wp, np.zeros(3, np.float32), wscale, **layer).shape == (0, 1, 1, 3)


X, W, B = np.ones((2, 5, 5, 4), np.float32), np.ones((6, 3, 3, 2), np.float32), np.ones(6, np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.ones((2, 5, 5, 3), np.float32)}, r"\[2, 5, 5, 3\].*\[6, 3, 3, 2\].*4 channels"),
        ({"x": np.ones((2, 5, 4), np.float32)}, r"\[2, 5, 4\].*\[6, 3, 3, 2\]"),
        ({"x": np.ones((2, 5, 5, 4))}, "float64; wanted float32"),
        ({"w": np.ones((5, 3, 3, 2), np.float32)}, "group 2"),
        ({"x": np.ones((2, 2, 5, 4), np.float32)}, "2 places.*at least 3"),
        ({"b": np.ones(5, np.float32)}, r"B has shape \[5\]; wanted \[6\]"),
        ({"r": np.ones((1, 3, 3, 6), np.float32)}, r"\[1, 3, 3, 6\]; wanted \[2, 3, 3, 6\]"),
        ({"s": np.zeros((2, 3, 3, 6), np.uint8)}, r"\[2, 3, 3, 6\]; wanted uint8 \[2, 2, 2, 6\]"),
        ({"pooling": Pooling((5, 1))}, "3 places.*wanted less than two strides .* below 5"),
    ],
)
def test_srmm_refuses_what_does_not_fit(changes, message):
    layer = {
        "geometry": ConvGeometry(group=2), "pooling": Pooling((2, 2)), "activation": Activation.relu(),
    }  # fmt: skip
    with pytest.raises(ModelError, match=message):
        conv_srmm(**({"x": X, "w": W, "b": B} | layer | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wscale": None}, "Wscale is missing"),
        ({"wscale": np.ones(5, np.float32)}, r"Wscale has shape \[5\]; wanted \[6\]"),
        ({"wp": W}, "float32 Wp"),
        ({"wp": W, "wscale": None, "xscale": F([1])}, "float32 Wp"),
        ({"wp": W.astype(np.uint8)}, "Wp has type uint8"),
        ({"bp": np.ones(7, np.float32)}, r"Bp has shape \[7\]; wanted \[6\]"),
        ({"xscale": F([1, 2, 3])}, "Xscale"),
    ],
)
def test_predict_refuses_what_does_not_fit(changes, message):
    inputs = {"x": X, "wp": W.astype(np.int8), "bp": B, "wscale": B} | changes
    with pytest.raises(ModelError, match=message):
        conv_predict(**inputs, geometry=ConvGeometry(group=2), pooling=Pooling.none())
