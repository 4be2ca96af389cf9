"""A contest of fake engines: ratios, decisions, failures and what opening takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.peers.examples import Examples
from scripts.peers.lineup import REFERENCE, Peer
from scripts.peers.measure import Contest, Result, Start, judge
from scripts.peers.models import Models
from scripts.peers.ours import Search
from scripts.peers.workers import EngineError
from tests.scripts.peers.fakes import DIES, ECHO, REFUSES, SLOW, SLOW_MS
from tests.small_models import small_cnn

SEARCH = Search(threads=1, batch=1, seconds=0.0, images=32)
#: `Echo` is right on all but the last, `Slow` on none of them but the last.
DECIDED, CLASSES = [0, 1, 2, 3, 0], [0, 1, 2, 3, 1]


def contest(folder: Path, *engines: tuple[str, str], classes: list[int] | None = CLASSES) -> Contest:
    """The reference and others, each with a name."""
    images = np.eye(4, dtype=np.float32)[DECIDED].reshape(-1, 1, 1, 4)
    labels = None if classes is None else np.array(classes)
    models = Models(folder, "fake", small_cnn, Examples(images, labels, images, labels))
    peers = [Peer(name, engine, "float32") for name, engine in ((REFERENCE, ECHO), *engines)]
    return Contest(peers, models, folder)


def test_ratios_and_decisions(tmp_path: Path) -> None:
    rows = contest(tmp_path, ("slow", SLOW)).rows(SEARCH, runs=4)
    first, slow = rows[REFERENCE], rows["slow"]
    assert isinstance(first, Result) and isinstance(slow, Result)
    assert first.ratio.ratio == 1.0 and first.quality.drop.drop == 0.0 and first.quality.top1 == 0.8
    assert slow.timing.median >= SLOW_MS and slow.ratio.ratio < 0.9
    assert slow.quality.top1 == pytest.approx(0.2) and slow.quality.drop.drop == pytest.approx(0.6)


def test_images_that_fill_no_batch_are_left_out(tmp_path: Path) -> None:
    search = Search(threads=2, batch=2, seconds=0.0, images=32)
    row = contest(tmp_path).rows(search, runs=1)[REFERENCE]
    assert isinstance(row, Result)
    assert row.quality.drop.images == 4 and len(row.timing.milliseconds) == 4  # a whole block


def test_those_that_fail_say_why_and_the_others_run(tmp_path: Path) -> None:
    rows = contest(tmp_path, ("refuses", REFUSES), ("dies", DIES), ("slow", SLOW)).rows(SEARCH, runs=2)
    assert list(rows) == [REFERENCE, "refuses", "dies", "slow"]
    assert "no such model" in str(rows["refuses"]) and "out of luck" in str(rows["dies"])
    assert isinstance(rows["slow"], Result)


def test_without_the_reference_there_are_no_ratios(tmp_path: Path) -> None:
    images = np.zeros((2, 1, 1, 4), np.float32)
    models = Models(tmp_path, "fake", small_cnn, Examples(images, None, images, None))
    peers = [Peer(REFERENCE, DIES, "float32"), Peer("other", ECHO, "float32")]
    with pytest.raises(EngineError, match="out of luck"):
        Contest(peers, models, tmp_path).rows(SEARCH, runs=1)


def test_what_opening_takes(tmp_path: Path) -> None:
    starts = contest(tmp_path, ("slow", SLOW), ("refuses", REFUSES)).starts(SEARCH)
    slow = starts["slow"]
    assert isinstance(slow, Start)
    assert slow.first_ms >= SLOW_MS and slow.seconds >= 0 and 0 < slow.before_mb <= slow.peak_mb
    assert "no such model" in str(starts["refuses"])


def test_decisions_without_classes_are_compared_with_the_reference() -> None:
    outputs = np.eye(4, dtype=np.float32)
    quality = judge(outputs, outputs[[0, 1, 2, 0]], None)
    assert quality.top1 is None and quality.drop.drop == 0.25


def test_a_gain_is_a_negative_drop() -> None:
    outputs = np.eye(4, dtype=np.float32)
    quality = judge(outputs[[0, 0, 0, 0]], outputs, np.arange(4))
    assert quality.top1 == 1.0 and quality.drop.drop == -0.75
