"""The generated networks have the published sizes, run, and depend on nothing but their seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from models.generators import GENERATORS
from models.generators.__main__ import main
from tests.datasets import PROJECT

SMALL = {
    "alexnet": 96,
    "caffenet": 99,
    "resnet50": 64,
    "vgg16": 32,
}  # image sizes for tests that need no full network
PARAMETERS = {"alexnet": 61_100_840, "caffenet": 60_965_224, "resnet50": 25_557_032, "vgg16": 138_357_544}
MACS = {"alexnet": 714_188_480, "caffenet": 724_406_816, "resnet50": 4_089_184_256, "vgg16": 15_470_264_320}
NODES = {
    "alexnet": {"Conv": 5, "Relu": 7, "MaxPool": 3, "Flatten": 1, "Gemm": 3},
    "caffenet": {"Conv": 5, "Relu": 7, "MaxPool": 3, "LRN": 2, "Flatten": 1, "Gemm": 3},
    "resnet50": {
        "Conv": 53,
        "BatchNormalization": 53,
        "Relu": 49,
        "Add": 16,
        "MaxPool": 1,
        "GlobalAveragePool": 1,
        "Flatten": 1,
        "Gemm": 1,
    },
    "vgg16": {"Conv": 13, "Relu": 15, "MaxPool": 5, "Flatten": 1, "Gemm": 3},
}


@pytest.fixture(scope="module", params=sorted(GENERATORS))
def full(request: pytest.FixtureRequest) -> tuple[str, onnx.ModelProto]:
    """A network at its own image size, built once for this module."""
    return request.param, GENERATORS[request.param]()


def multiply_accumulates(model: onnx.ModelProto) -> int:
    """Sum over Conv and Gemm, counted from inferred output shapes, batch 1."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    shapes = {v.name: [d.dim_value or 1 for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
    shapes |= {v.name: [d.dim_value or 1 for d in v.type.tensor_type.shape.dim] for v in graph.output}
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    weighted = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    return sum(int(np.prod(shapes[n.output[0]]) * np.prod(weights[n.input[1]][1:])) for n in weighted)


def test_sizes_are_the_published_ones(full: tuple[str, onnx.ModelProto]) -> None:
    name, model = full
    learned = [t for t in model.graph.initializer if not t.name.endswith(("/mean", "/variance"))]
    assert sum(int(np.prod(tensor.dims)) for tensor in learned) == PARAMETERS[name]
    assert multiply_accumulates(model) == MACS[name]
    assert Counter(node.op_type for node in model.graph.node) == NODES[name]
    assert (model.ir_version, model.opset_import[0].version) == (8, 13)


def test_readme_states_these_sizes() -> None:
    readme = (PROJECT / "models" / "README.md").read_text()
    for name in GENERATORS:
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{name}` |")]
        assert [f"{size:,}".replace(",", " ") for size in (PARAMETERS[name], MACS[name])] == [
            cell.strip() for cell in row.split("|")[-3:-1]
        ]


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_runs_with_any_batch(name: str) -> None:
    size = SMALL[name]
    session = ort.InferenceSession(GENERATORS[name](image_size=size).SerializeToString())
    x = np.random.default_rng(1).standard_normal((2, 3, size, size), dtype=np.float32)
    (both,) = session.run(None, {"input": x})
    (first,) = session.run(None, {"input": x[:1]})
    assert both.shape == (2, 1000)
    # Two runs of one float32 network differ by rounding only: eps x depth x sqrt(longest sum) x magnitude.
    np.testing.assert_allclose(both[:1], first, atol=np.finfo(np.float32).eps * 50 * 100 * np.abs(both).max())
    assert 1e-2 < both.std() < 1e3


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_bytes_depend_on_the_seed_alone(name: str) -> None:
    make = GENERATORS[name]
    first = make(seed=3, image_size=SMALL[name]).SerializeToString()
    assert make(seed=3, image_size=SMALL[name]).SerializeToString() == first
    assert make(seed=4, image_size=SMALL[name]).SerializeToString() != first


def test_resnet_blocks_have_residuals_of_one_shape() -> None:
    graph = onnx.shape_inference.infer_shapes(GENERATORS["resnet50"](image_size=64), strict_mode=True).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
    for node in graph.node:
        if node.op_type == "Add":
            assert shapes[node.input[0]] == shapes[node.input[1]] == shapes[node.output[0]]


def test_weights_follow_he(full: tuple[str, onnx.ModelProto]) -> None:
    for tensor in full[1].graph.initializer:
        if tensor.name.endswith("/weight") and len(tensor.dims) == 4:
            weight = numpy_helper.to_array(tensor)
            expected = np.sqrt(2 / np.prod(weight.shape[1:]))
            assert abs(weight.std() / expected - 1) < 5 / np.sqrt(2 * weight.size)  # five standard errors


def test_command_line_writes_a_fixed_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.onnx"
    assert main(["vgg16", str(out), "--batch", "2", "--image-size", "32", "--seed", "7"]) == 0
    model = onnx.load(out)
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [2, 3, 32, 32]
    assert model.SerializeToString() == GENERATORS["vgg16"](7, 2, 32).SerializeToString()
    assert f"{len(model.graph.node)} nodes" in capsys.readouterr().out


@pytest.mark.parametrize("batch", ["0", "-1", "many"])
def test_command_line_refuses_a_bad_batch(batch: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["alexnet", str(tmp_path / "x.onnx"), "--batch", batch])
    assert stopped.value.code == 2
    assert not (tmp_path / "x.onnx").exists()
