"""What a rewrite gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.edit.apply import Applied
from spl_onnx.rewrite.model.local_functions import describe_unseen
from spl_onnx.rewrite.model.model_io import LoadedModel, save_model
from spl_onnx.rewrite.rules.registry import ANCHORS
from spl_onnx.rewrite.sites.plan import Key, Plan


@dataclass
class RewriteResult:
    """What a rewrite gives back.

    Attributes:
        model: The rewritten model.
        plan: Every candidate and what became of it.
        report: A dict for JSON: notes, verification where there was one, and what callers add.
        external_data: Whether weights belong in a separate file, as in the input; None = by size.
        threshold: Size of all weights in bytes above which they go to a separate file.
        protected: Files of the input's weights, which no output may replace.
        refused: Why a site that was to be rewritten was left dense after a failed check, by site and rule.
    """

    model: onnx.ModelProto
    plan: Plan
    report: dict[str, Any] = field(default_factory=dict)
    external_data: bool | None = None
    threshold: int = 1 << 30
    protected: tuple[Path, ...] = ()
    refused: dict[Key, str] = field(default_factory=dict)

    @classmethod
    def of(cls, loaded: LoadedModel, options: RewriteOptions, applied: Applied) -> RewriteResult:
        """The result of a plan that was carried out.

        Args:
            loaded: The original.
            options: Where its weights belong.
            applied: What was carried out.
        """
        notes = [*loaded.notes, *describe_unseen(loaded.model, ANCHORS), *applied.notes]
        notes += [*_refusals(applied.refused), *applied.verification.get("notes", [])]
        return cls(
            applied.model,
            applied.plan,
            {"notes": notes, **({"verification": applied.verification} if applied.verification else {})},
            loaded.external_data if options.external_data is None else options.external_data,
            options.external_data_threshold,
            loaded.weight_files,
            applied.refused,
        )

    def save(self, path: str | Path) -> tuple[Path, ...]:
        """Write the model, all or nothing; a failure leaves an existing file untouched.

        Returns:
            The files written, as of `save_model`.

        Raises:
            ModelError: The file cannot be written.
            UsageError: It is a file of the input's weights.
        """
        return save_model(self.model, path, self.external_data, self.threshold, self.protected)


def _refusals(refused: dict[Key, str]) -> list[str]:
    """One sentence on the sites that failed."""
    if not refused:
        return []
    names = [site for site, _ in refused]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    many = "1 site was" if len(names) == 1 else f"{len(names)} sites were"
    return [f"{many} left as in the original after a failed check: {shown} ({next(iter(refused.values()))})"]
