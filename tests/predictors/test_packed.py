"""Weights as text: there and back, and text that somebody has damaged."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.errors import RuleError
from spl_onnx.predictors.packed import pack, unpack

#: Digits of float16: a value in units of its filter's largest is off by half an ulp, or by the least
#: subnormal number.
RELATIVE, ABSOLUTE = 2.0**-11, 2.0**-25


def pruned(shape, keep=0.3, seed=0, size=1.0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape).astype(np.float32) * np.float32(size)
    return np.where(rng.random(shape) < keep, values, np.float32(0))


def edited(text, change):
    """The text with other bytes in it."""
    content = bytearray(zlib.decompress(base64.b64decode(text)))
    return base64.b64encode(zlib.compress(bytes(change(content)))).decode()


@given(
    shape=st.one_of(st.tuples(*[st.integers(1, 5)] * 4), st.tuples(st.integers(1, 9), st.integers(1, 40))),
    keep=st.floats(0.0, 1.0),
    seed=st.integers(0, 99),
    size=st.sampled_from([1e-30, 1e-3, 1.0, 1e30]),
)
def test_there_and_back(shape, keep, seed, size):
    w = pruned(shape, keep, seed, size)
    made = unpack(pack(w), shape)
    largest = np.abs(w.reshape(shape[0], -1)).max(axis=1).reshape(-1, *[1] * (len(shape) - 1))
    assert made.shape == shape and made.dtype == np.float32
    assert (np.abs(made - w) <= 1.01 * RELATIVE * np.abs(w) + ABSOLUTE * largest).all()
    assert (made[w == 0] == 0).all()
    np.testing.assert_array_equal(unpack(pack(made), shape) != 0, made != 0)


def test_it_takes_two_bytes_for_a_kept_weight_and_a_bit_for_each():
    w = pruned((64, 3, 3, 64), 0.2)
    content = 4 * 64 + w.size / 8 + 2 * np.count_nonzero(w)
    assert len(pack(w)) <= 1.02 * content * 4 / 3 + 100


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite(bad):
    w = pruned((2, 8))
    w[1, 3] = bad
    with pytest.raises(RuleError, match="not finite"):
        pack(w)


@pytest.mark.parametrize("shape", [(4, 3, 3, 5), (5, 3, 3, 4), (4, 36), (4, 8, 8, 5), (1, 1)])
def test_another_shape(shape):
    """Of as many weights in all, of more and of fewer."""
    text = pack(pruned((4, 3, 3, 4)))
    if shape == (4, 36):
        np.testing.assert_array_equal(unpack(text, shape).reshape(4, 3, 3, 4), unpack(text, (4, 3, 3, 4)))
        return
    with pytest.raises(RuleError, match=r"damaged or of another shape; wanted \["):
        unpack(text, shape)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        "AAAA",
        "ümlaut",
        pack(pruned((4, 9)))[:-8],
        edited(pack(pruned((4, 9))), lambda content: content[:-1]),
        edited(pack(pruned((4, 9))), lambda content: content + b"\0\0"),
        edited(pack(pruned((4, 9))), lambda content: content[:6]),
        edited(
            pack(pruned((4, 9))), lambda content: content[:16] + bytes([content[16] ^ 255]) + content[17:]
        ),
        edited(pack(pruned((4, 9))), lambda content: np.float32([np.inf] * 4).tobytes() + content[16:]),
        edited(pack(pruned((4, 9), 1.0)), lambda content: content[:-2] + np.float16([np.nan]).tobytes()),
        base64.b64encode(zlib.compress(b"\0" * (1 << 24))).decode(),
    ],
)
def test_damaged_text(text):
    with pytest.raises(RuleError, match="damaged"):
        unpack(text, (4, 9))
