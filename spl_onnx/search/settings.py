"""What may become of a site: its choice and the settings that go with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from spl_onnx.rewrite.plan import SitePlan


@dataclass(frozen=True)
class Setting:
    """A choice with its settings, as a plan holds them.

    Attributes:
        choice: dense, lossless, truncate or predict.
        settings: predictor, keep, threshold, correction, floor and the like.
        label: in few words, for progress and reports.
    """

    choice: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @cached_property
    def key(self) -> str:
        """Equal for settings that do the same; dense and lossless give the same values.

        Weights of a predictor can be megabytes of text, and stand in the key as a digest.
        """
        if self.choice in ("dense", "lossless"):
            return ""
        short = dict(self.settings)
        if "weights" in short:
            short["weights"] = hashlib.sha256(short["weights"].encode()).hexdigest()
        return json.dumps([self.choice, short], sort_keys=True)

    def apply(self, entry: SitePlan) -> None:
        """Write this choice into the entry of a plan."""
        entry.choice, entry.settings = self.choice, dict(self.settings)


EXACT = Setting("lossless", label="exact")

#: A setting for each site that is not exact, by name.
Config = Mapping[str, Setting]
