"""Conv [BatchNormalization] Add Relu|Clip(0,b) [MaxPool]."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rewrite.builders import Net, assert_same, images, only, ops, reason, rewritten


def net(swap: bool = False, pool: bool = False, size: tuple[int | str, int | str] = (8, 9)) -> Net:
    """A block whose shortcut is its own input."""
    made = Net()
    value = made.norm(made.conv(made.input("x", ["N", 4, *size]), "c", 4, 4, pads=[1, 1, 1, 1]), "n", 4)
    made.node("Add", ["x", value] if swap else [value, "x"], "s")
    made.node("Relu", ["s"], "a" if pool else "y")
    if pool:
        made.node("MaxPool", ["a"], "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    return made


def two_convolutions(first_kernel: int, second_kernel: int) -> Net:
    made = Net()
    x = made.input("x", ["N", 4, "H", "W"])
    for name, kernel in (("a", first_kernel), ("b", second_kernel)):
        pad = kernel // 2
        made.conv(x, name, 6, 4, kernel, kernel, pads=[pad] * 4, strides=[2, 2])
    made.node("Relu", [made.node("Add", ["a", "b"], "s")], "y")
    return made


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("size", [(8, 9), ("H", "W")])
def test_numbers(swap, pool, size):
    model = net(swap, pool, size).model("y")
    result = rewritten(model)
    site = only(result, "conv_add_relu")
    assert site.site == "y"
    assert "residual is 'x'" in site.reason
    assert ops(result.model) == ["SPLPredict", "SRMM", "Transpose", "Transpose"], (
        "x is transposed once for both uses"
    )
    assert_same(model, result, {"x": images(2, 4, 8, 9)})


def test_default_only_when_pooled():
    only(rewritten(net(pool=True).model("y"), rules="default"), "conv_add_relu")
    assert "not selected" in reason(net().model("y"), rules="default")


@pytest.mark.parametrize(("kernels", "chosen"), [((3, 1), "a"), ((1, 3), "b"), ((3, 3), "b")])
def test_of_two_convolutions_the_one_with_more_work_is_the_site(kernels, chosen):
    model = two_convolutions(*kernels).model("y")
    result = rewritten(model, skip_rules="conv")
    site = only(result, "conv_add_relu")
    other = "ab".replace(chosen, "")
    assert site.layer == f"{chosen}_node"
    assert f"computed by Conv '{other}_node'" in site.reason
    refused = next(s for s in result.plan.sites if s.choice == "dense")
    assert refused.site == other
    assert f"Conv '{chosen}_node' is predicted" in refused.reason
    assert_same(model, result, {"x": images(1, 4, 11, 10)})


def test_the_smaller_convolution_where_the_larger_cannot_be_a_site():
    made = two_convolutions(3, 1)
    made.node("Neg", ["a"], "z")
    model = made.model("y", "z")
    assert only(rewritten(model, skip_rules="conv"), "conv_add_relu").layer == "b_node"


def test_the_other_convolution_is_exact_and_no_layout_changes_between_them():
    model = two_convolutions(3, 1).model("y")
    result = rewritten(model)
    assert [(s.site, s.rule, s.choice) for s in result.plan.sites] == [
        ("y", "conv_add_relu", "predict"),
        ("b", "conv", "lossless"),
    ]
    assert ops(result.model) == ["SPLPredict", "SRMM", "SRMM", "Transpose", "Transpose"]
    assert_same(model, result, {"x": images(1, 4, 11, 10)})


def test_pool_read_elsewhere_leaves_the_unpooled_site():
    made = net(pool=True)
    made.node("Neg", ["a"], "z")
    model = made.model("y", "z")
    result = rewritten(model)
    assert only(result, "conv_add_relu").site == "a"
    assert_same(model, result, {"x": images(1, 4, 8, 9)})


def test_residual_of_an_image_row():
    made = Net()
    made.conv(made.input("x", ["N", 4, "L"]), "c", 4, 4, 3, pads=[1, 1])
    made.node("Relu", [made.node("Add", ["c", "x"], "s")], "y")
    model = made.model("y")
    result = rewritten(model)
    only(result, "conv_add_relu")
    assert_same(model, result, {"x": images(2, 4, 13)})


def test_inside_if():
    model = net(pool=True).in_if("y")
    result = rewritten(model)
    only(result, "conv_add_relu")
    for cond in (True, False):
        assert_same(model, result, {"x": images(1, 4, 8, 9), "cond": np.array(cond)})


def test_refuses_a_residual_that_is_broadcast():
    made = Net()
    made.conv(made.input("x", [1, 4, 5, 5]), "c", 4, 4, pads=[1, 1, 1, 1])
    made.node("Relu", [made.node("Add", ["c", made.input("r", [1, 4, 1, 1])], "s")], "y")
    assert "not known to have one shape: 'c' [1, 4, 5, 5], 'r' [1, 4, 1, 1]" in reason(
        made.model("y"), skip_rules="conv"
    )


def test_refuses_a_residual_whose_size_is_not_known():
    made = Net()
    made.conv(made.input("x", ["N", 4, "H", "W"]), "c", 4, 4, pads=[1, 1, 1, 1])
    made.node("Relu", [made.node("Add", ["c", made.input("r", ["N", 4, "h", "w"])], "s")], "y")
    assert "not known to have one shape" in reason(made.model("y"), skip_rules="conv")


def test_refuses_a_sum_with_itself():
    made = Net()
    made.conv(made.input("x", [1, 4, 5, 5]), "c", 4, 4)
    made.node("Relu", [made.node("Add", ["c", "c"], "s")], "y")
    assert reason(made.model("y"), skip_rules="conv") == "'c' is read twice by Add 's_node'"
