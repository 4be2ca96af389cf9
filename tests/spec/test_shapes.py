import itertools

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from spl_onnx.errors import ModelError
from spl_onnx.spec.shapes import (
    conv_output_size,
    pool_output_size,
)


def row_pooling(kernel, stride, begin, end, ceil):
    """A MaxPool over the width of [1,1,1,W] as an ONNX Runtime session."""
    node = helper.make_node(
        "MaxPool", ["x"], ["y"], kernel_shape=[1, kernel], strides=[1, stride], pads=[0, begin, 0, end],
        ceil_mode=int(ceil),
    )  # fmt: skip
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, 1, None]) for n in "xy")
    model = helper.make_model(
        helper.make_graph([node], "g", [x], [y]), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 7])
def test_pool_sizes_are_those_of_onnx_runtime(kernel):
    for stride, begin, end in itertools.product((1, 2, 3, 5), range(kernel), range(kernel)):
        for ceil in (False, True):
            session = row_pooling(kernel, stride, begin, end, ceil)
            for size in range(1, 9):
                try:
                    ours = pool_output_size(size, kernel, stride, begin, end, ceil)
                except ModelError:
                    ours = None
                try:
                    theirs = session.run(None, {"x": np.zeros((1, 1, 1, size), np.float32)})[0].shape[3]
                except Exception as error:
                    assert "out_size >= 0" in str(error), "ONNX Runtime refuses the size"
                    theirs = None
                assert ours == theirs, (size, kernel, stride, begin, end, ceil)


def test_last_ceil_window_must_start_inside():
    # Windows would start at -1, 1, 3; with one place of input the second starts beyond it.
    assert pool_output_size(1, 2, 2, 1, 1, ceil=True) == 1
    assert pool_output_size(2, 2, 2, 1, 1, ceil=True) == 2


def test_every_window_has_a_place_inside():
    for size, kernel, stride in itertools.product(range(1, 8), range(1, 5), range(1, 5)):
        for begin, end, ceil in itertools.product(range(kernel), range(kernel), (False, True)):
            if size + begin + end <= kernel - stride:
                continue
            last = (pool_output_size(size, kernel, stride, begin, end, ceil) - 1) * stride - begin
            assert last < size and last + kernel > 0 and kernel - begin > 0


def test_conv_sizes_count_the_positions_that_fit():
    for size, kernel, stride, dilation in itertools.product(
        range(1, 9), range(1, 4), range(1, 4), range(1, 4)
    ):
        for begin, end in itertools.product(range(3), range(3)):
            reach = (kernel - 1) * dilation + 1
            fitting = [p for p in range(-begin, size + end, stride) if p + reach <= size + end]
            if fitting:
                assert conv_output_size(size, kernel, stride, begin, end, dilation) == len(fitting)
            else:
                with pytest.raises(ModelError, match=f"{size} places.*at least {reach}"):
                    conv_output_size(size, kernel, stride, begin, end, dilation)


@pytest.mark.parametrize(("size", "kernel", "begin", "end"), [(1, 3, 0, 0), (1, 6, 1, 2), (-1, 1, 0, 0)])
def test_window_much_larger_than_padded_input_is_refused(size, kernel, begin, end):
    with pytest.raises(ModelError, match="window"):
        pool_output_size(size, kernel, 1, begin, end, ceil=False)


def test_window_larger_than_padded_input():
    assert pool_output_size(2, 3, 2, 0, 0, ceil=False) == 1, "less than a stride"
    assert pool_output_size(2, 4, 2, 0, 0, ceil=False) == 0, "a stride"
    assert pool_output_size(2, 5, 2, 0, 0, ceil=True) == 0


def test_a_convolution_of_padding_alone():
    assert conv_output_size(0, 3, 1, 2, 2, 1) == 2
