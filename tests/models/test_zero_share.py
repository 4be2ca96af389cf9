"""Calibrated networks have the zeros they were asked for, and only their biases differ."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from models.generators import GENERATORS
from models.generators.zero_share import calibrate_zero_share

SIZES = {"alexnet": 96, "caffenet": 99, "resnet50": 64, "vgg16": 64}


def images(name: str, count: int, seed: int) -> NDArray[np.float32]:
    """Random images of the size used here."""
    shape = (count, 3, SIZES[name], SIZES[name])
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def zero_shares(model: onnx.ModelProto, x: NDArray[np.float32]) -> list[float]:
    """Share of zeros after every ReLU, in graph order, from one run of the whole network."""
    names = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    traced = onnx.ModelProto()
    traced.CopyFrom(model)
    traced.graph.output.extend(
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names
    )
    outputs = ort.InferenceSession(traced.SerializeToString()).run(names, {"input": x})
    return [float((y == 0).mean()) for y in outputs]


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_shares_are_met(name: str) -> None:
    model = GENERATORS[name](image_size=SIZES[name])
    x = images(name, 4, seed=1)
    wanted = list(np.linspace(0.35, 0.85, sum(node.op_type == "Relu" for node in model.graph.node)))
    calibrated = calibrate_zero_share(model, wanted, x)
    measured = zero_shares(calibrated, x)
    # A layer of n values meets the share to 1/n; sums formed in another order move a few across zero.
    np.testing.assert_allclose(measured, wanted, atol=0.003)
    assert not np.allclose(zero_shares(model, x), wanted, atol=0.05)


def test_shares_hold_on_other_images() -> None:
    model = calibrate_zero_share(GENERATORS["vgg16"](image_size=64), [0.7] * 15, images("vgg16", 8, seed=1))
    convolutions = zero_shares(model, images("vgg16", 8, seed=2))[:13]
    np.testing.assert_allclose(convolutions, 0.7, atol=0.1)


def test_only_biases_change() -> None:
    model = GENERATORS["resnet50"](image_size=64)
    before = {t.name: t.SerializeToString() for t in model.graph.initializer}
    calibrated = calibrate_zero_share(model, [0.6] * 49, images("resnet50", 2, seed=1))
    assert {t.name: t.SerializeToString() for t in model.graph.initializer} == before
    changed = {t.name for t in calibrated.graph.initializer if t.SerializeToString() != before[t.name]}
    assert changed and all(name.endswith("/shift") for name in changed)


@pytest.mark.parametrize(("shares", "count"), [([0.5] * 6, 2), ([0.5] * 6 + [1.5], 2), ([0.5] * 7, 1)])
def test_bad_requests_are_refused(shares: list[float], count: int) -> None:
    with pytest.raises(ValueError, match=r"got .* wanted"):
        calibrate_zero_share(GENERATORS["alexnet"](image_size=96), shares, images("alexnet", count, seed=1))
