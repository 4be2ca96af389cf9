from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from spl_onnx.errors import ModelError
from spl_onnx.spec.attributes import Pooling
from spl_onnx.spec.reference import global_average, max_pool
from tests.spec.cases import floats
from tests.spec.dense import run_model

POOLINGS = (
    Pooling((3, 3), (2, 2), (0, 0, 0, 0), True),
    Pooling((3, 3), (1, 1), (1, 1, 1, 1)),
    Pooling((2, 5), (1, 3), (1, 0, 0, 4), True),
    Pooling((3, 1), (2, 1), (2, 0, 1, 0)),
)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("size", [(5, 6), (7, 9)])
def test_equals_onnx_runtime(pooling, size):
    x = floats(np.random.default_rng(0), 2, *size, 3)
    node = helper.make_node(
        "MaxPool",
        ["x"],
        ["y"],
        kernel_shape=pooling.kernel,
        strides=pooling.strides,
        pads=pooling.pads,
        ceil_mode=int(pooling.ceil),
    )
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, [None] * 4) for k in "xy"]
    graph = helper.make_graph([node], "g", infos[:1], infos[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    wanted = run_model(model, {"x": x.transpose(0, 3, 1, 2)})[0].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(max_pool(x, pooling), wanted)


def test_not_a_number_never_wins():
    x = np.float32([np.nan, -1, np.nan, np.nan]).reshape(1, 2, 2, 1)
    assert max_pool(x, Pooling((2, 2))).tolist() == [[[[-1]]]]
    assert max_pool(x, Pooling((1, 2))).tolist() == [[[[-1]], [[-np.inf]]]]


@pytest.mark.parametrize("x", [np.ones((2, 3, 4), np.float32), np.ones((1, 2, 3, 4), np.float64)])
def test_other_inputs_are_refused(x):
    for call in (lambda: max_pool(x, Pooling((2, 2))), lambda: global_average(x)):
        with pytest.raises(ModelError, match=r"wanted float32 \[N,H,W,C\]"):
            call()


def test_global_average():
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 3, 2)
    assert global_average(x).tolist() == [[[[5, 6]]]]
    with pytest.raises(ModelError, match=r"\[2, 0, 3, 4\] has an image without values"):
        global_average(np.ones((2, 0, 3, 4), np.float32))
