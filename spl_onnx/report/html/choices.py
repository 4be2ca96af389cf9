"""What may become of a layer: its names and its colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: By choice, the converted ones first: in a sentence, and what it means.
NAMES = {
    "lossless": ("lossless", "lossless: only zero inputs are skipped"),
    "truncate": ("truncated", "truncated: small outputs become zero"),
    "predict": ("predicted", "predicted: outputs that do not matter are skipped"),
    "dense": ("left dense", "left dense"),
}


def choice_of(site: Mapping[str, Any]) -> str:
    """The choice of a site, which is its class in the style sheet; one that is not known counts as dense."""
    choice = site.get("choice")
    return choice if choice in NAMES else "dense"


def kept_ratio(site: Mapping[str, Any]) -> float | None:
    """Fraction of the weights that the predictor of a site keeps; None where nothing was pruned."""
    keep = (site.get("settings") or {}).get("keep")
    return float(keep) if keep is not None and choice_of(site) == "predict" else None
