"""The bundled model is the one its README describes."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.datasets import PROJECT

MODELS = PROJECT / "models"


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    """The committed network."""
    return onnx.load(MODELS / "digits_cnn.onnx")


def checksums() -> dict[str, str]:
    """File name to SHA-256, from models/checksums.txt."""
    lines = (MODELS / "checksums.txt").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def test_every_binary_has_its_checksum() -> None:
    binaries = [path for path in MODELS.iterdir() if path.suffix in (".onnx", ".npz")]
    assert {path.name for path in binaries} == set(checksums())
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in binaries} == checksums()


def test_files_are_small(model: onnx.ModelProto) -> None:
    assert model.ByteSize() < 1_000_000
    assert (MODELS / "digits_test.npz").stat().st_size < 1_000_000


def test_model_holds_both_patterns(model: onnx.ModelProto) -> None:
    assert (model.ir_version, model.opset_import[0].version) == (8, 13)
    assert [node.op_type for node in model.graph.node[:3]] == ["Conv", "Relu", "MaxPool"]
    assert Counter(n.op_type for n in model.graph.node) == Counter(
        Conv=3, MaxPool=3, Relu=4, Flatten=1, Gemm=2
    )
    assert [v.name for v in (*model.graph.input, *model.graph.output)] == ["input", "logits"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_accuracy_is_the_documented_one(model: onnx.ModelProto) -> None:
    with np.load(MODELS / "digits_test.npz") as held_out:
        x, y = held_out["x"], held_out["y"]
    assert (x.shape, x.dtype, y.shape) == ((450, 1, 32, 32), np.float32, (450,))
    assert 0.0 <= x.min() < x.max() <= 1.0
    (logits,) = ort.InferenceSession(model.SerializeToString()).run(None, {"input": x})
    accuracy = float((logits.argmax(axis=1) == y).mean())
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["accuracy"].startswith(f"{accuracy:.4f} ")
    assert f"{accuracy:.2%}".replace("%", " %") in Path(MODELS / "README.md").read_text()
    assert {"origin", "license", "preprocessing"} <= set(metadata)


def test_held_out_digits_are_what_the_training_script_makes() -> None:
    digits = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed").load_digits()
    with np.load(MODELS / "digits_test.npz") as held_out:
        x, y = held_out["x"], held_out["y"]
    chosen = np.random.default_rng(0).permutation(len(digits.images))[np.arange(len(digits.images)) % 4 == 0]
    np.testing.assert_array_equal(y, digits.target[chosen])
    # Enlarging smooths each pixel over its neighbours; the total ink is nearly kept.
    np.testing.assert_allclose(
        x.mean(axis=(1, 2, 3)), digits.images[chosen].mean(axis=(1, 2)) / 16, rtol=0.05
    )
