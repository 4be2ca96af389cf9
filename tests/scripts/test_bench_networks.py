"""The benchmark of whole networks: images, the table, and one network from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.bench_networks import COLUMNS, NETWORKS, data_folder, line, main
from tests import datasets
from tests.models.test_generators import GENERATORS


def test_every_network_of_the_issue_is_there() -> None:
    named = {*datasets.NETWORKS, "alexnet", "vgg16"}
    assert set(NETWORKS) == named and {"alexnet", "vgg16"} <= set(GENERATORS)


@pytest.mark.parametrize("name", ["googlenet", "resnet18", "mobilenet_v2", "cifar10_resnet20", "mnist_lenet"])
def test_images_are_prepared_as_the_network_was_trained(name: str) -> None:
    """Same range per channel as the tests' own preprocessing of other images; order of channels included."""
    datasets.require("models")
    ours = NETWORKS[name].images(datasets.data_root(), 60)
    theirs = datasets.images(name, 60)[0]
    assert ours.dtype == np.float32 and ours.shape[1:] == theirs.shape[1:]
    np.testing.assert_allclose(ours.min((0, 2, 3)), theirs.min((0, 2, 3)), atol=0.02 * np.ptp(theirs))
    np.testing.assert_allclose(ours.mean((0, 2, 3)), theirs.mean((0, 2, 3)), atol=0.05 * np.ptp(theirs))


def test_photographs_are_different_ones() -> None:
    datasets.require("imagenet1k-sample")
    x = NETWORKS["resnet18"].images(datasets.data_root(), 8)
    assert len(np.unique(x[:, 0, 100, 100])) > 6


def test_rows_fit_the_header() -> None:
    row: dict[str, object] = dict.fromkeys(("lossless", "predicted", "sites", "batch", "threads"), 2)
    row |= dict.fromkeys(("ratio", "noise", "original_ms", "rewritten_ms", "agreement"), 0.5)
    text = line({**row, "network": "resnet18", "mode": "int8"})
    assert text.count("|") == len(COLUMNS) + 1 and "2 + 2 of 2" in text and "50.00%" in text


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPL_ONNX_DATA", "/data")
    assert data_folder(None) == Path("/data") and data_folder(Path("x")) == Path("x")


def test_one_network(plugin_path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(datasets.require("models").parent)
    out = tmp_path / "rows.json"
    words = [
        "--networks",
        "mnist_lenet",
        "--threads",
        "1",
        "--images",
        "4",
        "--agreement",
        "20",
        "--batch",
        "3",
    ]
    assert (
        main([*words, "--search-seconds", "1", "--search-images", "64", "--data", data, "--json", str(out)])
        == 0
    )
    rows = json.loads(out.read_text())["rows"]
    assert [row["mode"] for row in rows] == ["lossless", "int8", "point", "auto"]
    assert {row["search"]["time_batch"] for row in rows} == {3}
    assert all(row["agreement"] >= 0.95 and row["ratio"] > 0 for row in rows)
    assert [row["in_8_bits"] for row in rows[:3]] == [0, 0, 0]
    assert rows[0]["predicted"] == 0 and "| mnist_lenet | int8 | 3 | 1 |" in capsys.readouterr().out
