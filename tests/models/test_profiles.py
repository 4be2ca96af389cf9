"""Generated networks with the zeros of trained ones."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from models.generators.profiles import ALEXNET, NAMES, VGG16, calibrated
from tests.models.test_zero_share import images, zero_shares


@pytest.mark.parametrize("name", NAMES)
def test_the_shares_are_met_where_they_were_counted(name: str) -> None:
    profile = {"alexnet": ALEXNET, "vgg16": VGG16}[name]
    x = images(name, 4, seed=1)
    model = calibrated(name, x)
    measured = zero_shares(model, x)
    plain = [i for i in range(len(profile.shares)) if i not in profile.behind_pooling]
    np.testing.assert_allclose([measured[i] for i in plain], [profile.shares[i] for i in plain], atol=0.003)


def test_zeros_are_counted_behind_the_pooling() -> None:
    x = images("alexnet", 4, seed=1)
    model = calibrated("alexnet", x)
    names = [node.output[0] for node in model.graph.node if node.op_type == "MaxPool"]
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    pooled = ort.InferenceSession(model.SerializeToString()).run(names, {"input": x})
    wanted = [ALEXNET.shares[i] for i in sorted(ALEXNET.behind_pooling)]
    # The last map has 256 values per image and channels of one place each: four images resolve little.
    np.testing.assert_allclose([(y == 0).mean() for y in pooled], wanted, atol=0.01)
