"""The plan of a rewrite: every candidate, what became of it, why. It can be saved, edited, applied again."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from spl_onnx.errors import UsageError
from spl_onnx.files import read_file
from spl_onnx.options import Choice
from spl_onnx.predictors.site_settings import NOTHING_SET, SiteSettings

#: Site and rule, which name an entry of a plan.
Key = tuple[str, str]

PLAN_VERSION = 1
#: Fields of a site that hold text; the others are numbers, or nothing where they were not measured.
_TEXTS = ("site", "rule", "choice", "reason", "layer")
_NAMES = {str: "a text", int: "a whole number"}
#: Plans hold weights of predictors as text.
_LONGEST_BYTES = 1 << 31


@dataclass
class SitePlan:
    """One candidate. Choice and settings may be given as JSON has them.

    Attributes:
        site: Name of its output tensor.
        rule: The rule that found it; "none" where no rule's pattern fits.
        choice: "predict" (SPLPredict and SRMM), "lossless" (SRMM alone, exact), "truncate" (SRMM alone;
            outputs up to a floor become 0, or the bias is shifted), "int8" (SRMM alone, products in 8 bits)
            or "dense" (left as it is).
        settings: How it is predicted, what is truncated, and in which way it multiplies in 8 bits.
        reason: Why.
        layer: The node that holds the weights.
        macs_per_output: Multiply-accumulates of one output value (before pooling); 0 where unknown.
        density: Fraction of outputs selected, if measured.
        zeros: Fraction of zeros in the input, if measured.
        loss: Loss of the metric at this setting, if measured.
        dense_ms: Time of the original nodes, if measured.
        now_ms: Time of the nodes that replace them, if measured.
    """

    site: str
    rule: str
    choice: Choice
    settings: SiteSettings = NOTHING_SET
    reason: str = ""
    layer: str = ""
    macs_per_output: int = 0
    density: float | None = None
    zeros: float | None = None
    loss: float | None = None
    dense_ms: float | None = None
    now_ms: float | None = None

    def __setattr__(self, name: str, value: object) -> None:
        """Choice and settings may be given as JSON has them, also later; here they become what they mean."""
        if name == "choice":
            value = _choice(value, self._where)
        elif name == "settings" and not isinstance(value, SiteSettings):
            value = SiteSettings.from_json(value, self._where)
        super().__setattr__(name, value)

    @property
    def _where(self) -> str:
        """For messages."""
        return f"plan, site '{self.site}'"

    def validate(self) -> None:
        """Check the settings of an entry that somebody may have edited.

        Raises:
            UsageError: A setting is unknown, out of range, missing, or does not fit the choice.
        """
        self.settings.validate(self.choice, self._where)

    def become(self, choice: Choice, settings: SiteSettings = NOTHING_SET, reason: str | None = None) -> None:
        """Set what becomes of the site; without a reason the one it has stays."""
        self.choice, self.settings = choice, settings
        if reason is not None:
            self.reason = reason

    def as_json(self) -> dict[str, Any]:
        """The entry as a plan holds it."""
        return {**vars(self), "choice": self.choice.value, "settings": self.settings.as_json()}

    @property
    def is_rewritten(self) -> bool:
        """Whether the site is not left as it is."""
        return self.choice != Choice.DENSE


@dataclass
class Plan:
    """All candidates of a model, in graph order."""

    sites: list[SitePlan] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Number of rewritten sites per rule."""
        counts: dict[str, int] = {}
        for site in self.sites:
            if site.is_rewritten:
                counts[site.rule] = counts.get(site.rule, 0) + 1
        return counts

    def find(self, site: str, rule: str) -> SitePlan | None:
        """The entry of a site under a rule."""
        return next((entry for entry in self.sites if entry.site == site and entry.rule == rule), None)

    def to_json(self) -> str:
        """The plan as text."""
        return (
            json.dumps({"version": PLAN_VERSION, "sites": [site.as_json() for site in self.sites]}, indent=2)
            + "\n"
        )

    @classmethod
    def from_json(cls, text: str, where: str = "plan") -> Plan:
        """The plan in `text`.

        Raises:
            UsageError: It is no JSON, or not a plan of this version, or a site has unknown or wrong fields.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(
                f"{where}: not JSON (line {error.lineno}: {error.msg}); wanted a file of --plan-out"
            ) from error
        except (ValueError, RecursionError) as error:  # numbers and lists of a length that nobody means
            raise UsageError(f"{where}: not a plan ({error}); wanted a file of --plan-out") from error
        if not isinstance(content, dict) or content.get("version") != PLAN_VERSION:
            raise UsageError(
                f"{where}: wanted an object with version {PLAN_VERSION} and sites, as --plan-out writes it"
            )
        known = {f.name for f in fields(SitePlan)}
        sites, entries = [], content.get("sites", [])
        if not isinstance(entries, list):
            raise UsageError(f"{where}: sites is {str(entries)[:40]!r}, wanted a list of sites")
        for index, entry in enumerate(entries):
            unknown = sorted(set(entry) - known) if isinstance(entry, dict) else ["?"]
            missing = {"site", "rule", "choice"} - set(entry if isinstance(entry, dict) else ())
            if unknown or missing:
                raise UsageError(
                    f"{where}, site {index}: unknown fields {unknown}, missing fields {sorted(missing)}; "
                    f"wanted {', '.join(sorted(known))}"
                )
            _check_types(f"{where}, site {index}", entry)
            sites.append(SitePlan(**entry))
            sites[-1].validate()
        return cls(sites)

    @classmethod
    def read(cls, path: str | Path) -> Plan:
        """The plan in a file.

        Raises:
            UsageError: The file cannot be read or is no plan.
        """
        try:
            text = read_file(path, _LONGEST_BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--plan {path}: cannot be read ({error}); wanted a file of --plan-out"
            ) from error
        return cls.from_json(text, str(path))


def lossless_plan(plan: Plan) -> Plan:
    """The same sites, exact."""
    made = Plan([copy.copy(entry) for entry in plan.sites])
    for entry in made.sites:
        if entry.is_rewritten:
            entry.become(Choice.LOSSLESS)
    return made


def leave_dense(plan: Plan, refused: dict[Key, str]) -> Plan:
    """A copy of `plan` without the refused sites; each says why."""
    made = Plan([copy.copy(entry) for entry in plan.sites])
    for entry in made.sites:
        reason = refused.get((entry.site, entry.rule))
        if reason is not None:
            entry.become(Choice.DENSE, reason=f"failed verification: {reason}")
    return made


def _choice(value: object, where: str) -> Choice:
    """The choice of a name.

    Raises:
        UsageError: There is no such choice.
    """
    try:
        return Choice(value)
    except ValueError as error:
        raise UsageError(f"{where}: choice is {value!r}, wanted one of {', '.join(Choice)}") from error


def _check_types(where: str, entry: dict[str, Any]) -> None:
    """Refuse fields of another type than `--plan-out` writes; settings are looked at apart.

    Raises:
        UsageError: There is one.
    """
    for name, value in entry.items():
        if name == "settings":
            continue
        wanted: Any = str if name in _TEXTS else int if name == "macs_per_output" else float | int | None
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise UsageError(
                f"{where}: {name} is {str(value)[:40]!r}, wanted {_NAMES.get(wanted, 'a number')}"
            )
