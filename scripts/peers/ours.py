"""Our own entries: how `spl_onnx.rewrite` is called for each. A new one is one line of `VARIANTS`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

import spl_onnx
from scripts.peers.examples import Examples
from scripts.peers.workers import EngineError
from spl_onnx.errors import SplError
from spl_onnx.options import RewriteOptions

_BATCH = 16


@dataclass(frozen=True)
class Variant:
    """A rewrite.

    Attributes:
        options: keywords of `spl_onnx.rewrite`.
        searches: whether it gets data, and so depends on threads and batch.
        quantised: whether it reads the model that ONNX Runtime quantised, as that stands.
    """

    options: Mapping[str, Any]
    searches: bool = False
    quantised: bool = False


VARIANTS = {
    "lossless": Variant({"lossless": True, "rules": "all"}),
    "point": Variant({"max_drop": 0.01, "precision": "float32"}, searches=True),
    "auto": Variant({"max_drop": 0.01, "precision": "auto"}, searches=True),
    "from the QDQ file": Variant({}, quantised=True),
}


@dataclass(frozen=True)
class Search:
    """What searches are given.

    Attributes:
        threads: times are measured with.
        batch: images of a run.
        seconds: for changes tried on the whole network.
        images: settings are chosen on; as many others of those seen judge the drop.
    """

    threads: int
    batch: int
    seconds: float
    images: int


def options_of(variant: Variant, search: Search) -> dict[str, Any]:
    """All keywords but the data."""
    if not variant.searches:
        return {**variant.options, "no_verify": True}
    return {
        **variant.options,
        "no_verify": True,
        "threads": search.threads,
        "time_batch": search.batch,
        "search_seconds": search.seconds,
        "search_images": search.images,
        "batch": _BATCH,
    }


def rewrite(model: onnx.ModelProto, variant: Variant, search: Search, examples: Examples) -> onnx.ModelProto:
    """The rewritten network.

    Raises:
        EngineError: it cannot be rewritten so; also where this version has no such option.
    """
    if unknown := sorted(set(variant.options) - set(RewriteOptions.names())):
        raise EngineError(f"this version of spl-onnx has no option {', '.join(unknown)}")
    options = options_of(variant, search)
    try:
        if not variant.searches:
            return spl_onnx.rewrite(model, **options).model
        with tempfile.TemporaryDirectory(prefix="spl-onnx-") as folder:
            arrays: dict[str, Any] = {"x": examples.seen}
            if examples.seen_classes is not None:
                arrays["y"] = examples.seen_classes
            np.savez(f"{folder}/images.npz", **arrays)
            return spl_onnx.rewrite(model, data=f"{folder}/images.npz", **options).model
    except SplError as error:
        raise EngineError(f"not rewritten: {error}") from error
