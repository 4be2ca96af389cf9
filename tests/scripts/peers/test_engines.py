"""Real engines, in this process: the same outputs as the ONNX reference, in every precision."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from scripts.peers.engines import ONNX_RUNTIME, OPENVINO, Engine, Setup, load_engine
from spl_onnx import rewrite
from tests.small_models import small_cnn, small_images

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed: pip install '.[peers]'"
)
BATCH = 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    onnx.save(small_cnn(), str(tmp_path / "small.onnx"))
    return tmp_path / "small.onnx"


def opened(engine: str, path: Path, precision: str | None = None, plugin: bool = False) -> Engine:
    setup = Setup(engine, str(path), threads=1, batch=BATCH, precision=precision, plugin=plugin)
    return load_engine(engine)(setup)


def require_close(got: np.ndarray, images: np.ndarray, eps: float) -> None:
    """Errors up to 8 roundings of the largest output: there are 4 layers, each with products and sums."""
    outputs = ReferenceEvaluator(small_cnn()).run(None, {"input": images})
    assert isinstance(outputs, list)
    wanted = np.asarray(outputs[0])
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, atol=8 * eps * float(np.abs(wanted).max()), rtol=0)


def test_onnx_runtime(path: Path) -> None:
    images = small_images(BATCH)
    engine = opened(ONNX_RUNTIME, path)
    require_close(engine.run(images), images, 1e-6)
    assert engine.says() == {}


def test_onnx_runtime_with_our_operators(path: Path, plugin_path: str) -> None:
    images = small_images(BATCH)
    rewritten = rewrite(path, lossless=True, rules="all")
    rewritten.save(path.with_name("ours.onnx"))
    require_close(opened(ONNX_RUNTIME, path.with_name("ours.onnx"), plugin=True).run(images), images, 1e-6)


@needs_openvino
@pytest.mark.parametrize(("precision", "eps"), [("f32", 1e-6), ("bf16", 2.0**-8), (None, 2.0**-8)])
def test_openvino(path: Path, precision: str | None, eps: float) -> None:
    images = small_images(BATCH)
    engine = opened(OPENVINO, path, precision)
    require_close(engine.run(images), images, eps)
    told = engine.says()["precision"]
    assert told == precision or precision is None
    assert "isa=" in engine.says()["runtime"]


@needs_openvino
def test_openvino_knows_its_batch(path: Path) -> None:
    """Its shapes are fixed: another batch is refused, not reshaped for."""
    with pytest.raises(Exception, match="shape"):
        opened(OPENVINO, path).run(small_images(BATCH + 1))
