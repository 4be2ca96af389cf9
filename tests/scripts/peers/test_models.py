"""Model files: made once, kept whole, kept apart by what they were made with."""

from __future__ import annotations

import importlib.util
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from scripts.peers import models as made
from scripts.peers.models import CALIBRATION, Models, quantise
from scripts.peers.ours import Search
from scripts.peers.workers import EngineError
from spl_onnx.measure.sessions import create_session, run
from tests.scripts.peers.test_ours import examples
from tests.small_models import small_cnn, small_images

SEARCH = Search(threads=1, batch=1, seconds=0.0, images=32)
needs_sympy = pytest.mark.skipif(
    importlib.util.find_spec("sympy") is None, reason="sympy is not installed: pip install '.[peers]'"
)


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path, "small", small_cnn, examples())


def test_a_file_is_made_once(models: Models) -> None:
    path = models.float32()
    assert onnx.load(path).graph.name == "small"
    time = path.stat().st_mtime_ns
    assert models.float32() == path and path.stat().st_mtime_ns == time


def test_ours_are_kept_apart_by_what_they_were_made_with(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[object] = Counter()

    def count(model: onnx.ModelProto, variant: object, *_: object) -> onnx.ModelProto:
        calls[str(variant)] += 1
        return model

    monkeypatch.setattr(made, "rewrite", count)
    other = replace(SEARCH, threads=2)
    assert models.ours("lossless", SEARCH) == models.ours("lossless", other)
    assert models.ours("point", SEARCH) == models.ours("point", SEARCH) != models.ours("point", other)
    assert list(calls.values()) == [1, 2]


def test_a_variant_reads_the_quantised_model(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one that ONNX Runtime int8 opens."""
    read = []
    monkeypatch.setattr(made, "quantise", lambda source, target, images: onnx.save(small_cnn(seed=7), target))
    monkeypatch.setattr(made, "rewrite", lambda model, *_: read.append(model) or model)
    path = models.ours("from the QDQ file", SEARCH)
    models.ours("lossless", SEARCH)
    assert read == [small_cnn(seed=7), small_cnn()] and " " not in path.name


def test_what_was_not_finished_is_not_used(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(source: Path, target: Path, images: np.ndarray) -> None:
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(made, "quantise", interrupt)
    with pytest.raises(KeyboardInterrupt):
        models.int8()
    assert not list(models.folder.glob("*.int8.onnx"))


@needs_sympy
def test_int8_is_per_channel_and_close(models: Models) -> None:
    """Activations are uint8, weights int8 with a scale per output channel; outputs stay near."""
    quantised = onnx.load(models.int8())
    tensors = {tensor.name: tensor for tensor in quantised.graph.initializer}
    (weight,) = (tensor for name, tensor in tensors.items() if name.startswith("w2") and "_scale" in name)
    assert list(weight.dims) == [16]
    assert {node.op_type for node in quantised.graph.node} >= {"QuantizeLinear", "DequantizeLinear"}
    images = small_images(4)
    before, after = (run(create_session(model), {"input": images})[0] for model in (small_cnn(), quantised))
    # A step of 1/255 of the range in the input and behind each of 4 layers, of either sign.
    assert np.abs(after - before).max() < 8 / 255 * np.ptp(before)


def test_only_the_first_images_calibrate(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def record(source: Path, target: Path, images: np.ndarray) -> None:
        seen.append(images)
        target.touch()

    monkeypatch.setattr(made, "quantise", record)
    large = replace(models, examples=examples(CALIBRATION + 10))
    large.int8()
    np.testing.assert_array_equal(seen[0], large.examples.seen[:CALIBRATION])


def test_a_model_that_cannot_be_quantised_is_said(tmp_path: Path) -> None:
    source = tmp_path / "small.onnx"
    onnx.save(small_cnn(), source)
    with pytest.raises(EngineError, match="not quantised: "):
        quantise(source, tmp_path / "int8.onnx", small_images(4)[:, :2])
    assert not list(tmp_path.glob("*.prepared"))
