"""What may become of a site: its choice and the settings that go with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from spl_onnx.options import Choice
from spl_onnx.predictors.site_settings import NOTHING_SET, SiteSettings
from spl_onnx.rewrite.sites.plan import SitePlan


@dataclass(frozen=True)
class Setting:
    """A choice with its settings, as a plan holds them.

    Attributes:
        choice: what it becomes.
        settings: how.
        label: in few words, for progress and reports.
    """

    choice: Choice
    settings: SiteSettings = NOTHING_SET
    label: str = ""

    @cached_property
    def key(self) -> str:
        """Equal for settings that do the same; dense and lossless give the same values.

        Weights of a predictor can be megabytes of text, and stand in the key as a digest.
        """
        if self.choice in (Choice.DENSE, Choice.LOSSLESS):
            return ""
        short = self.settings.as_json()
        if self.settings.weights is not None:
            short["weights"] = hashlib.sha256(self.settings.weights.encode()).hexdigest()
        return json.dumps([self.choice, short], sort_keys=True)

    def apply(self, entry: SitePlan) -> None:
        """Write this choice into the entry of a plan."""
        entry.become(self.choice, self.settings)


EXACT = Setting(Choice.LOSSLESS, label="exact")

#: A setting for each site that is not exact, by name.
Config = Mapping[str, Setting]
