"""Quantised layers of free size, with readers behind them that ask for sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from spl_onnx.rewrite.rules.registry import rule_names
from tests.rewrite.builders import rewritten
from tests.rewrite.rules.quantised.layers import SIGNED, ByteNet, run_with

Dims = list[int | str | None]


def _conv(made: ByteNet, x: str, name: str, outputs: int = 4) -> str:
    return made.byte_conv(x, name, outputs, 4)


def _add(made: ByteNet, x: str) -> str:
    return made.bytes(made.node("Add", [_conv(made, x, "c"), x], "sum"))


def _concat(made: ByteNet, x: str) -> str:
    parts = [made.bytes(_conv(made, x, name)) for name in "ab"]
    return made.bytes(made.node("Concat", parts, "joined", axis=1))


def _gemm(made: ByteNet, x: str) -> str:
    weights = made.weights("w", 4, 8, axis=1)
    return made.bytes(made.node("MatMul", [x, weights], "product"))


def _pool(made: ByteNet, x: str) -> str:
    behind = _concat(made, x)  # behind a convolution it would be pooled by that
    return made.bytes(made.node("MaxPool", [behind], "p", kernel_shape=[2, 2], strides=[2, 2]))


#: By rule: what adds the site behind bytes, and how far it may be off, in steps: docs/quantised.md.
SITES: dict[str, tuple[Callable[[ByteNet, str], str], int]] = {
    "qdq_conv": (lambda made, x: made.bytes(_conv(made, x, "c")), 1),
    "qdq_conv_add": (_add, 1),
    "qdq_conv_concat": (_concat, 1),
    "qdq_gemm": (_gemm, 1),
    "qdq_pool": (_pool, 1),
}
FREE: dict[str, tuple[Dims, Dims]] = {
    "named": (["N", 4, "H", "W"], ["N", 4]),
    "batch": (["N", 4, 9, 8], ["N", 4]),
    "nameless": ([None, 4, None, None], [None, 4]),
}


def test_every_rule_has_a_case():
    assert set(SITES) == {name for name in rule_names() if name.startswith("qdq_")}


@pytest.mark.parametrize("kind", FREE)
@pytest.mark.parametrize("rule", SITES)
def test_sizes_and_values(rule, kind, plugin_path):
    """Two sizes through one model: what it gives, and the size a Shape behind it sees."""
    site, steps = SITES[rule]
    image, matrix = FREE[kind]
    dims = matrix if rule == "qdq_gemm" else image
    made = ByteNet()
    end = site(made, made.bytes(made.input("x", dims)))
    size = made.node("Cast", [made.node("Shape", [end], "sizes")], "size", to=onnx.TensorProto.FLOAT)
    model = made.model(end, size)
    result = rewritten(model, rules="default")
    applied = {entry.rule for entry in result.plan.sites if entry.is_rewritten}
    # Without names nobody can tell that a residual has the size of what it is added to.
    assert rule in applied or (rule, kind) == ("qdq_conv_add", "nameless")
    for shape in ((2, 4, 9, 8), (1, 4, 12, 10) if kind != "batch" else (3, 4, 9, 8)):
        x = np.random.default_rng(0).standard_normal(shape[: len(dims)]).astype(np.float32)
        wanted = run_with(model, {"x": x}, plugin=False)
        for plugin in (True, False):
            values, size = run_with(result.model, {"x": x}, plugin=plugin)
            assert list(size) == list(values.shape) == list(wanted[1])
            assert np.rint(np.abs(values - wanted[0]) / np.float32(SIGNED[0])).max() <= steps
