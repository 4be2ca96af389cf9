"""The benchmark of peers from end to end, on the bundled model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from scripts import bench_peers
from scripts.bench_peers import CLASSIFIERS, DEFAULT, main
from scripts.networks import Source, stored
from tests.datasets import PROJECT


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line for `digits`, a network of a data folder of its own."""
    (tmp_path / "models").mkdir()
    shutil.copy(PROJECT / "models" / "digits_cnn.onnx", tmp_path / "models" / "digits.onnx")
    with np.load(PROJECT / "models" / "digits_test.npz") as content:
        np.savez(tmp_path / "digits.npz", images=content["x"].transpose(0, 2, 3, 1), labels=content["y"])

    def classes(root: Path, count: int) -> np.ndarray:
        with np.load(root / "digits.npz") as content:
            return np.asarray(content["labels"][:count])

    source = Source(stored("digits.npz"), lambda x: x.astype(np.float32), classes)
    monkeypatch.setitem(CLASSIFIERS, "digits", source)
    monkeypatch.setattr(bench_peers, "has_openvino", lambda: False)
    sizes = ["--batch", "2", "--images", "3", "--top1-images", "60", "--search-images", "32"]
    return ["--networks", "digits", "--data", str(tmp_path), "--ours", "lossless", *sizes]


def rows_of(path: Path) -> dict[tuple[str, int], dict[str, object]]:
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return {(row["engine"], row["threads"]): row for row in rows}


def test_one_network(
    words: list[str], plugin_path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, work = tmp_path / "rows.json", tmp_path / "models made"
    assert main([*words, "--threads", "1", "2", "--json", str(out), "--work-dir", str(work)]) == 0
    rows = rows_of(out)
    for threads in (1, 2):
        reference, ours = rows["ONNX Runtime float32", threads], rows["spl-onnx lossless", threads]
        assert reference["ratio"] == 1.0 and reference["images"] == 60
        assert ours["drop"] == 0.0 and float(str(ours["top1"])) > 0.9
        assert "openvino is not installed" in str(rows["OpenVINO int8", threads]["failure"])
    int8 = rows["ONNX Runtime int8", 1]
    assert "sympy" in str(int8.get("failure")) or abs(float(str(int8["drop"]))) < 0.1
    assert "| digits | 2 | 1 | spl-onnx lossless | **" in capsys.readouterr().out
    assert {path.name.split(".")[1] for path in work.glob("digits.*.onnx")} >= {"float32", "lossless"}


def test_start(words: list[str], plugin_path: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    assert main([*words, "--threads", "1", "--start", "--json", str(out)]) == 0
    ours = rows_of(out)["spl-onnx lossless", 1]
    assert 0 < float(str(ours["before_mb"])) < float(str(ours["peak_mb"]))
    assert float(str(ours["seconds"])) > 0


def test_a_reference_that_fails_is_a_row(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.peers.lineup.ONNX_RUNTIME", "tests.scripts.peers.fakes:Refuses")
    assert main([*words, "--threads", "1", "--ours"]) == 0
    assert "ValueError: no such model: digits.float32.onnx |" in capsys.readouterr().out


def test_networks_that_decide_are_measured_where_their_classes_are_known() -> None:
    assert "dncnn25" not in CLASSIFIERS and {"vgg16_groups", "resnet50"} <= set(DEFAULT)
    assert "alexnet" in CLASSIFIERS and "alexnet" not in DEFAULT
