"""Work space: as much as calls of late needed, and for skipping zeros little more than the image."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.children import run_code

_kernels = pytest.importorskip("spl_onnx._kernels")

MEGABYTE = 1 << 20


def in_new_thread(work: Callable[[], Any]) -> Any:
    """Result of `work` in a thread that has no work space yet."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]


def convolve(x: np.ndarray, **options: Any) -> np.ndarray:
    w = np.ones((8, 3, 3, x.shape[3]), np.float32)
    return np.asarray(_kernels.conv_srmm(x, w, pads=[1] * 4, strategy="zero_skip", **options))


def test_memory_of_a_large_image_is_given_back() -> None:
    large, small = np.ones((1, 200, 200, 64), np.float32), np.ones((1, 5, 5, 64), np.float32)

    def work() -> tuple[int, int, bool]:
        before = convolve(large)
        most = _kernels.scratch_bytes()
        for _ in range(600):
            convolve(small)
        return most, _kernels.scratch_bytes(), np.array_equal(convolve(large), before)

    most, least, equal = in_new_thread(work)
    assert most > large.nbytes
    assert least < MEGABYTE
    assert equal


def test_memory_in_use_is_kept() -> None:
    large, small = np.ones((1, 200, 200, 64), np.float32), np.ones((1, 5, 5, 64), np.float32)

    def work() -> set[int]:
        seen = set()
        for _ in range(20):
            convolve(large)
            for _ in range(100):  # a network with a hundred small layers
                convolve(small)
            seen.add(_kernels.scratch_bytes())
        return seen

    assert len(in_new_thread(work)) == 1


#: Images [H,W,C], kernels and paddings, of more than a megabyte.
SHAPES = [
    ((300, 300, 8), (3, 3), (1, 1)),
    ((300, 300, 9), (3, 3), (1, 1)),
    ((300, 300, 17), (3, 3), (1, 1)),
    ((120, 120, 65), (3, 3), (1, 1)),
    ((60, 60, 260), (5, 5), (2, 2)),
    ((20000, 1, 24), (3, 1), (1, 0)),
    ((9000, 2, 24), (3, 3), (1, 1)),
    ((9000, 1, 40), (3, 9), (1, 4)),
    ((2000, 3, 72), (3, 200), (1, 100)),
    ((1, 60000, 8), (1, 3), (0, 1)),
    ((1, 40000, 12), (1, 7), (0, 3)),
]


@pytest.mark.parametrize(("size", "kernel", "pad"), SHAPES)
@pytest.mark.parametrize("predicts", [False, True])
def test_skipping_zeros_takes_little_more_than_the_image(
    isa: str, predicts: bool, size: tuple[int, int, int], kernel: tuple[int, int], pad: tuple[int, int]
) -> None:
    x = np.zeros((1, *size), np.float32)
    x[:, ::3, ::5] = 1
    pads = [pad[0], pad[1]] * 2
    weights = (8, *kernel, size[2])

    def work() -> int:
        if predicts:
            bias, scale = np.zeros(8, np.float32), np.ones(8, np.float32)
            _kernels.conv_predict(x, np.ones(weights, np.int8), bias, scale, pads=pads, isa=isa)
        else:
            w = np.ones(weights, np.float32)
            _kernels.conv_srmm(x, w, pads=pads, strategy="zero_skip", isa=isa)
        return int(_kernels.scratch_bytes())

    # Besides the image: sums of some rows of outputs, which a row of the output has too.
    sums = 4 * 16 * (size[1] + 2 * pad[1] + 8)
    assert in_new_thread(work) <= max(3 * x.nbytes, MEGABYTE) + sums + MEGABYTE


RESIDENT = """
import resource, sys
import numpy as np, onnxruntime as ort
from tests.ort_ops.test_scratch import srmm_model

options = ort.SessionOptions()
options.enable_cpu_mem_arena = False  # it keeps memory of its own
options.intra_op_num_threads = 2
options.register_custom_ops_library(sys.argv[1])
session = ort.InferenceSession(srmm_model(), options)
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
large, small = np.ones((1, 512, 512, 64), np.float32), np.ones((1, 5, 5, 64), np.float32)
session.run(None, {"x": large})
most = resident()
for _ in range(600):
    session.run(None, {"x": small})
print(most - resident())
"""


def srmm_model() -> bytes:
    """One convolution with zero inputs skipped."""
    from onnx import TensorProto, helper, numpy_helper

    attributes: dict[str, Any] = {
        name: [1, 1] for name in ("strides", "dilations", "pool_kernel", "pool_strides")
    }
    attributes |= {"pads": [1] * 4, "pool_pads": [0] * 4, "group": 1, "pool_ceil": 0, "strategy": "zero_skip"}
    attributes |= {"clip_min": 0.0, "clip_max": float("inf"), "floor": 0.0}
    node = helper.make_node("SRMM", ["x", "w"], ["y"], domain="ai.spl.conv", **attributes)
    w = numpy_helper.from_array(np.ones((8, 3, 3, 64), np.float32), "w")
    values = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "h", "w", 64]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "h", "w", 8]),
    ]
    graph = helper.make_graph([node], "g", values[:1], values[1:], [w])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.spl.conv", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_session_gives_memory_back_to_the_system(plugin_path: str, tmp_path: Path) -> None:
    done = run_code(RESIDENT, plugin_path, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 48 * MEGABYTE  # of the 64 that the image's values took
