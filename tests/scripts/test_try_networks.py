"""Models of packages in three modes: the outcome of each, whatever it is, becomes a row."""

from __future__ import annotations

import signal
from pathlib import Path

import onnx
import pytest

from scripts import try_networks
from scripts.try_networks import COLUMNS, MODES, Outcome, line, main, rewrite
from tests.small_models import small_cnn


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A downloaded package with a good model and one that is none."""
    root = tmp_path / "keep" / "some-ocr"
    root.mkdir(parents=True)
    onnx.save(small_cnn(), str(root / "good.onnx"))
    (root / "bad.onnx").write_bytes(b"no model")
    return root


def test_every_model_in_every_mode(
    package: Path, plugin_path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.md"
    assert main(["some-ocr", "--keep", str(package.parent), "--table", str(table)]) == 1
    rows = table.read_text(encoding="utf-8").splitlines()
    assert len(rows) == 4 and all(row.count("|") == len(COLUMNS) + 1 for row in rows)
    bad, good = rows[2:]
    assert bad.count("exit 3") == 3 and "not an ONNX model" in bad
    assert "| 4 | 2 sites | 3 sites | 2 sites |" in good
    assert "2 models, 3 failures" in capsys.readouterr().out


def test_a_rewrite_that_dies_is_an_outcome(package: Path, tmp_path: Path) -> None:
    killed = Outcome(-signal.SIGABRT, 1.0)
    assert not killed.passed and killed.text() == "signal 6"
    late = rewrite(package / "good.onnx", MODES["default"], tmp_path, limit=0.01)
    assert not late.passed and "ended after" in late.message


def test_failures_come_first_in_what_is_said() -> None:
    outcomes = {
        "default": Outcome(0, 1.0, 2, 3, "skipped: no library"),
        "all": Outcome(1, 1.0, message="a | b differs"),
        "lossless": Outcome(0, 1.0, 2, 3),
    }
    assert line("p", "m.onnx", outcomes) == "| p | m.onnx | 3 | 2 sites | exit 1 | 2 sites | a / b differs |"


def test_a_package_that_cannot_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(package: str, folder: Path) -> Path:
        raise try_networks.PackageError("no such package")

    monkeypatch.setattr(try_networks, "fetch", refuse)
    assert main(["nothing", "--keep", str(tmp_path)]) == 1
    assert "nothing: no such package" in capsys.readouterr().err
