"""The table of algorithms of SRMM: who can compute a layer, who is chosen, and each image for itself."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.spec.attributes import Activation
from tests.ort_ops.test_conv_srmm import assert_close, run
from tests.ort_ops.test_dense import make_case, reference

_kernels = pytest.importorskip("spl_onnx._kernels")


def image(channels: int, size: int, zeros: float) -> np.ndarray:
    """One image, channels last, with a share of zeros."""
    rng = np.random.default_rng(3)
    x = rng.random((1, size, size, channels), np.float32) + np.float32(0.1)
    return np.where(rng.random(x.shape) < zeros, np.float32(0), x)


def weights(outputs: int, kernel: int, channels: int) -> np.ndarray:
    """`[O, k, k, C]`; values do not matter to the choice."""
    return np.ones((outputs, kernel, kernel, channels), np.float32)


@pytest.mark.parametrize(
    ("strategy", "kernel", "zeros", "selected", "want"),
    [
        ("auto", 3, 0.0, None, "winograd"),
        ("auto", 3, 0.95, None, "zero_skip"),
        ("auto", 1, 0.0, None, "pointwise"),
        ("auto", 1, 0.8, None, "pointwise_zero_skip"),
        ("auto", 3, 0.0, 0.02, "selected"),
        ("auto", 1, 0.0, 0.02, "selected_1x1"),
        ("auto", 3, 0.0, 0.9, "winograd"),
        ("auto", 3, 0.95, 0.9, "zero_skip"),
        ("select", 3, 0.95, 0.9, "selected"),
        ("select", 3, 0.95, None, "winograd"),
        ("zero_skip", 3, 0.0, 0.02, "zero_skip"),
        ("dense", 3, 0.95, 0.02, "winograd"),
        ("dense", 1, 0.95, 0.02, "pointwise"),
    ],
)
def test_the_quickest_of_those_that_the_strategy_allows(
    strategy: str, kernel: int, zeros: float, selected: float | None, want: str
) -> None:
    x, w = image(128, 20, zeros), weights(128, kernel, 128)
    rng = np.random.default_rng(4)
    s = None if selected is None else (rng.random((1, 20, 20, 128)) < selected).astype(np.uint8)
    pads = [kernel // 2] * 4
    assert _kernels.conv_algorithm(x, w, s, pads=pads, strategy=strategy) == want


def test_an_algorithm_that_cannot_compute_a_layer_is_not_in_the_running() -> None:
    x = image(3, 20, 0.5)
    times = _kernels.conv_algorithm_times(x, weights(16, 3, 3), strides=[2, 2], repeats=1)
    assert set(times) == {"zero_skip", "direct", "space_to_depth"}
    cost, seconds = times["direct"]
    assert 0 < cost < np.inf
    assert 0 < seconds < 1
    assert times["zero_skip"][0] == np.inf  # three channels are too few for it to pay


@pytest.mark.parametrize(
    ("channels", "outputs", "group"), [(32, 32, 32), (32, 64, 32), (32, 32, 1), (1, 1, 1)]
)
def test_groups_of_one_channel_have_algorithms_of_their_own(channels: int, outputs: int, group: int) -> None:
    x, w = image(channels, 20, 0.0), weights(outputs, 3, channels // group)
    own = group > 1 and outputs == group
    chosen = {
        precision: _kernels.conv_algorithm(x, w, group=group, precision=precision)
        for precision in ("float32", "int8")
    }
    assert (chosen["float32"] == "depthwise") == own
    assert chosen["int8"] == ("depthwise_int8" if own else "direct_int8")


def test_few_selected_outputs_of_few_channels_are_computed_as_they_cost_least() -> None:
    """Layers of less than eight channels once took the selected products at any density."""
    x, w = image(3, 40, 0.0), weights(64, 3, 3)
    s = np.ones((1, 40, 40, 64), np.uint8)
    assert _kernels.conv_algorithm(x, w, s, pads=[1] * 4) == "direct"


def test_each_image_of_a_batch_takes_its_own() -> None:
    """One image without zeros beside one that is nearly empty: the same bits as each alone."""
    case = make_case(7, 3, 1, (24, 24), 64, 64, n=2)
    case.x[1] *= np.random.default_rng(1).random(case.x[1].shape) < 0.05
    chosen = {_kernels.conv_algorithm(case.x[n : n + 1], case.w, **case.keywords) for n in range(2)}
    assert chosen == {"winograd", "zero_skip"}
    relu = Activation.relu()
    both = run(case, None, relu)
    assert_close(both, reference(case, None, relu), case, relu)
    for n in range(2):
        alone = _kernels.conv_srmm(case.x[n : n + 1], case.w, case.b, **case.keywords)
        np.testing.assert_array_equal(both[n : n + 1], alone)
