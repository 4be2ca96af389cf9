"""Our variants: what each asks `rewrite` for, and what happens where it cannot be had."""

from __future__ import annotations

import numpy as np
import pytest

import spl_onnx
from scripts.peers.examples import Examples
from scripts.peers.ours import VARIANTS, Search, Variant, options_of, rewrite
from scripts.peers.workers import EngineError
from spl_onnx.measure.sessions import uses_plugin
from tests.small_models import CLASSES, small_cnn, small_images

SEARCH = Search(threads=1, batch=2, seconds=0.0, images=32)


def examples(count: int = 64) -> Examples:
    images, classes = small_images(count + 4), np.arange(count + 4) % CLASSES
    return Examples(images[:count], classes[:count], images[count:], classes[count:])


def test_only_searches_depend_on_threads_and_batch() -> None:
    assert options_of(VARIANTS["lossless"], SEARCH) == {"lossless": True, "rules": "all", "no_verify": True}
    asked = options_of(VARIANTS["point"], SEARCH)
    assert (asked["max_drop"], asked["threads"], asked["time_batch"]) == (0.01, 1, 2)


def test_lossless(plugin_path: str) -> None:
    assert uses_plugin(rewrite(small_cnn(), VARIANTS["lossless"], SEARCH, examples()))


def test_a_search_gets_the_seen_images_and_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {}

    def record(model: object, data: str, **options: object) -> object:
        with np.load(data) as content:
            given.update({name: content[name] for name in content})
        return type("Result", (), {"model": model})

    monkeypatch.setattr(spl_onnx, "rewrite", record)
    parts = examples()
    rewrite(small_cnn(), VARIANTS["point"], SEARCH, parts)
    np.testing.assert_array_equal(given["x"], parts.seen)
    np.testing.assert_array_equal(given["y"], parts.seen_classes)


def test_a_search(plugin_path: str) -> None:
    """Whatever it chooses, it is a network with the same interface."""
    found = rewrite(small_cnn(), Variant({"max_drop": 1.0}, searches=True), SEARCH, examples())
    assert [value.name for value in found.graph.output] == ["logits"]


def test_an_option_that_this_version_lacks_is_said() -> None:
    with pytest.raises(EngineError, match=r"this version of spl-onnx has no option later$"):
        rewrite(small_cnn(), Variant({"later": 1}), SEARCH, examples())


def test_a_rewrite_that_is_refused_is_said() -> None:
    with pytest.raises(EngineError, match="not rewritten: --predictor"):
        rewrite(small_cnn(), Variant({"predictor": "none"}), SEARCH, examples())
