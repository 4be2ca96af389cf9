"""Sites of every rule whose sizes are not all known, with a reader behind each, run by any ONNX Runtime."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tests.e2e.readers import CHANNELS, READERS, Reader
from tests.rewrite.builders import Net, rewritten

#: Shapes of the inputs of the sites: images, matrices, sequences of rows.
IMAGE, MATRIX, SEQUENCE = (2, CHANNELS, 12, 10), (6, 16), (2, 5, 16)

#: How models give these shapes. Channels and the last size of matrices are known always.
FREE: dict[str, dict[tuple[int, ...], list[int | str | None]]] = {
    "named": {IMAGE: ["N", CHANNELS, "H", "W"], MATRIX: ["N", 16], SEQUENCE: ["N", "T", 16]},
    "batch": {IMAGE: ["N", CHANNELS, 12, 10], MATRIX: ["N", 16], SEQUENCE: ["N", 5, 16]},
    "nameless": {IMAGE: [None, CHANNELS, None, None], MATRIX: [None, 16], SEQUENCE: [None, None, 16]},
    "below 0": {IMAGE: [-1, CHANNELS, -1, -1], MATRIX: [-1, 16], SEQUENCE: [-1, -1, 16]},
}


def _conv(made: Net, name: str = "c", filters: int = CHANNELS) -> str:
    return made.conv("x", name, filters, CHANNELS, pads=[1, 1, 1, 1])


def _depthwise(made: Net) -> str:
    return made.conv("x", "c", CHANNELS, 1, group=CHANNELS, pads=[1, 1, 1, 1])


def _relu(made: Net, x: str) -> str:
    return made.node("Relu", [x], f"{x}.relu")


def _pool(made: Net, x: str) -> str:
    return made.node("MaxPool", [x], f"{x}.pool", kernel_shape=[2, 2], strides=[2, 2])


def _branches(made: Net) -> str:
    parts = [_relu(made, _conv(made, name, CHANNELS // 2)) for name in "ab"]
    return _pool(made, made.node("Concat", parts, "joined", axis=1))


def _product(made: Net, op: str, *bias: str) -> str:
    return made.node(op, ["x", made.random("w", 16, CHANNELS), *bias], "product")


def _bias(made: Net) -> str:
    return made.random("b", CHANNELS)


#: By rule: the shape of the input, and what adds the site's nodes and returns its output.
SITES: dict[str, tuple[tuple[int, ...], Callable[[Net], str]]] = {
    "conv_relu_pool": (IMAGE, lambda made: _pool(made, _relu(made, _conv(made)))),
    "conv_relu_concat_pool": (IMAGE, _branches),
    "conv_add_relu": (
        IMAGE,
        lambda made: _relu(made, made.node("Add", [_conv(made), _conv(made, "shortcut")], "sum")),
    ),
    "conv_pool": (IMAGE, lambda made: _pool(made, _conv(made))),
    "conv_relu": (IMAGE, lambda made: _relu(made, _conv(made))),
    "conv": (IMAGE, _conv),
    "gemm_relu": (MATRIX, lambda made: _relu(made, _product(made, "Gemm", _bias(made)))),
    "matmul_relu": (
        SEQUENCE,
        lambda made: _relu(made, made.node("Add", [_product(made, "MatMul"), _bias(made)], "sum")),
    ),
    "lrn": (IMAGE, lambda made: made.node("LRN", ["x"], "norm", size=3)),
    "depthwise": (IMAGE, lambda made: _relu(made, _depthwise(made))),
    "conv_add": (IMAGE, lambda made: made.node("Add", [_conv(made), _conv(made, "shortcut")], "sum")),
}
#: Without names nobody can tell that a residual has the size of what it is added to: a convolution is left.
_ADDED = {"conv_add_relu", "conv_add"}


def _model(
    site: Callable[[Net], str], reader: Reader, size: tuple[int, ...], dims: Sequence[int | str | None]
) -> onnx.ModelProto:
    """A site with a reader. Sizes below 0 come last: shape inference of ONNX may end the process on them."""
    made = Net()
    made.input("x", [None if dim == -1 else dim for dim in dims])
    model = made.model(*reader(made, site(made), len(size)))
    model.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, dims))
    return model


def write_cases(rule: str, predicted: bool, folder: Path) -> list[str]:
    """Write the models of one rule, as they were and rewritten, and their input.

    Args:
        rule: Name of the rule.
        predicted: Whether outputs are left out, by a predictor that makes no mistake.
        folder: `<case>.original.onnx`, `<case>.rewritten.onnx` and `x.npy` go there.

    Returns:
        The cases: reader and kind of free sizes.
    """
    size, site = SITES[rule]
    np.save(folder / "x.npy", np.random.default_rng(0).standard_normal(size).astype(np.float32))
    options: dict[str, Any] = {"predictor": "pruned", "keep": 1.0} if predicted else {"lossless": True}
    cases = []
    for reader, build in READERS.items():
        for kind, shapes in FREE.items():
            model = _model(site, build, size, shapes[size])
            result = rewritten(model, no_verify=True, rules="all", **options)
            applied = {entry.rule for entry in result.plan.sites if entry.is_rewritten}
            assert rule in applied or (rule in _ADDED and "conv" in applied), (reader, kind)
            cases.append(f"{reader}, {kind}")
            onnx.save(model, folder / f"{cases[-1]}.original.onnx")
            onnx.save(result.model, folder / f"{cases[-1]}.rewritten.onnx")
    return cases


#: Prints a line for each case: [case, {way: largest difference, or what went wrong}]. Needs onnxruntime only.
PROGRAM = """
import json, sys
import numpy as np, onnxruntime as ort

folder, library, cases = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
x = np.load(f"{folder}/x.npy")
ort.set_default_logger_severity(4)

def outputs(case, which, library=None):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if library:
        options.register_custom_ops_library(library)
    path = f"{folder}/{case}.{which}.onnx"
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {"x": x})

def difference(got, want):
    if got.shape != want.shape:
        return f"shape {list(got.shape)}, wanted {list(want.shape)}"
    return float(np.abs(got.astype(np.float64) - want).max() / max(np.abs(want).max(), 1e-30))

for case in cases:
    found = {}
    wanted = outputs(case, "original")
    for way, path in (("library", library), ("fallback", None)):
        try:
            pairs = zip(outputs(case, "rewritten", path), wanted)
            found[way] = max((difference(*pair) for pair in pairs), key=lambda d: (isinstance(d, str), d))
        except Exception as error:
            found[way] = str(error)[:300]
    print(json.dumps([case, found]), flush=True)
"""


def run_cases(python: str, library: str, folder: Path, cases: list[str]) -> dict[str, dict[str, Any]]:
    """Run cases with the ONNX Runtime of a Python: for each the differences, or what went wrong, by way.

    A case that ends the process is among the results, and the others run all the same.
    """
    found: dict[str, dict[str, Any]] = {}
    while len(found) < len(cases):
        left = [case for case in cases if case not in found]
        call = [python, "-c", PROGRAM, str(folder), library, json.dumps(left)]
        done = subprocess.run(call, capture_output=True, text=True)
        found.update(json.loads(line) for line in done.stdout.splitlines())
        if done.returncode:
            lost = next(case for case in cases if case not in found)
            found[lost] = {"process": f"ended with {done.returncode}: {done.stderr.strip()[-300:]}"}
    return found
