"""The protocol of an engine's process, without a process."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scripts.peers.child import peak_mb, serve
from scripts.peers.engines import Setup
from tests.scripts.peers.fakes import ECHO, one_hot


def talk(images: Path, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """Answers to requests."""
    answers = io.StringIO()
    serve(str(images), io.StringIO("".join(json.dumps(each) + "\n" for each in requests)), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_every_request_has_its_answer(tmp_path: Path) -> None:
    images, out = one_hot(tmp_path, [2, 1, 3]), tmp_path / "out.npy"
    opened, timed, written, peak = talk(
        images,
        {"do": "open", "setup": asdict(Setup(ECHO, "x.onnx"))},
        {"do": "time", "first": 1, "runs": 2, "warmup": 1},
        {"do": "outputs", "images": 2, "path": str(out)},
        {"do": "peak"},
    )
    assert set(opened) == {"seconds", "before_mb", "says"}
    assert len(timed["ms"]) == 2 and written == {}
    assert list(np.load(out).argmax(1)) == [2, 1]
    assert peak["mb"] >= opened["before_mb"] > 1


def test_errors_are_answers_too(tmp_path: Path) -> None:
    unknown, closed, peak = talk(
        one_hot(tmp_path, [0]),
        {"do": "dance"},
        {"do": "time", "first": 0, "runs": 1, "warmup": 0},
        {"do": "peak"},
    )
    assert "dance" in unknown["error"] and "nothing is open" in closed["error"] and peak["mb"] > 0


def test_the_peak_grows_with_what_is_held() -> None:
    before = peak_mb()
    ballast = np.ones(1 << 25)  # 256 MB, more than is likely to lie about unused
    assert peak_mb() >= max(before, ballast.nbytes / 2**20)
