"""A checked rewrite: sites that fail are found and left dense, the others stay."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from typing import Any

from spl_onnx.errors import UsageError, VerificationError
from spl_onnx.options import Choice, RewriteOptions
from spl_onnx.rewrite.apply import Applied, Decided, apply, carry_out
from spl_onnx.rewrite.finish import require_fallback
from spl_onnx.rewrite.model_io import LoadedModel
from spl_onnx.rewrite.plan import Plan, SitePlan
from spl_onnx.rewrite.process.child import one_line
from spl_onnx.rewrite.verification.original import Original
from spl_onnx.rewrite.verification.sites import Key, WrongSites
from spl_onnx.rewrite.verify import verify, verify_exact

#: Rewritten models that are checked in the search for failing sites. One failing site of 60 takes 13, six of
#: them about 50; where more fail, whole groups are left dense.
MOST_ATTEMPTS = 64
#: Seconds of the search after which it looks no closer.
MOST_SECONDS = 900.0


@dataclass(frozen=True)
class Checked:
    """A rewrite that passed its checks.

    Attributes:
        applied: What was carried out; sites that failed are dense in its plan.
        report: Of `verify`.
        refused: Why a site failed, by site and rule.
    """

    applied: Applied
    report: dict[str, Any]
    refused: dict[Key, str] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What the user should know about the checks."""
        return [*_refusals(self.refused), *self.report.get("notes", [])]


def checked(loaded: LoadedModel, options: RewriteOptions, decided: Decided) -> Checked:
    """Carry a plan out and check what comes of it; sites that fail the checks are left dense.

    Args:
        loaded: The model.
        options: What the user asked for.
        decided: What becomes of its sites.

    Raises:
        VerificationError: The original does not run.
        UsageError: No input can be made up.
        ModelError: The model as a whole cannot be rewritten.
    """
    if not any(entry.is_rewritten for entry in decided.plan.sites):
        applied = carry_out(decided)
        return Checked(applied, verify(loaded, applied.model, options, applied.plan))
    require_fallback(loaded.model)
    with Original(loaded, options) as original:
        try:
            verify_exact(original, decided.plan)
            applied = carry_out(decided)
            return Checked(applied, verify(loaded, applied.model, options, applied.plan, original))
        except (UsageError, MemoryError):
            raise
        except Exception as error:
            return _Repair(original, decided.plan).rest(_failure(error))


def leave_dense(plan: Plan, refused: dict[Key, str]) -> Plan:
    """A copy of `plan` without the refused sites; each says why."""
    made = Plan([copy.copy(entry) for entry in plan.sites])
    for entry in made.sites:
        reason = refused.get((entry.site, entry.rule))
        if reason is not None:
            entry.become(Choice.DENSE, reason=f"failed verification: {reason}")
    return made


class _Repair:
    """The search for sites that fail.

    Sites that pass together are kept; a group that fails beside them is halved. So faults that show in
    company only are found too, and what is returned was checked as a whole.
    """

    def __init__(self, original: Original, plan: Plan) -> None:
        self._original, self._plan = original, plan
        self._kept: list[SitePlan] = []
        self._refused: dict[Key, str] = {}
        self._attempts = 0
        self._end = time.monotonic() + MOST_SECONDS
        self._best: Checked | None = None

    def rest(self, error: VerificationError) -> Checked:
        """The plan without what fails, after all its sites together failed with `error`."""
        self._divide([entry for entry in self._plan.sites if entry.is_rewritten], error)
        plan = leave_dense(self._plan, self._refused)
        loaded, options = self._original.loaded, self._original.options
        if self._best is None:
            applied = Applied(loaded.model, plan, [])
            return Checked(applied, verify(loaded, loaded.model, options, plan), self._refused)
        applied = Applied(self._best.applied.model, plan, self._best.applied.notes)
        return Checked(applied, self._best.report, self._refused)

    def _add(self, group: list[SitePlan]) -> None:
        """Keep those of `group` that pass beside the kept ones."""
        if not group:
            return
        error = self._attempt([*self._kept, *group])
        if error is None:
            self._kept += group
        else:
            self._divide(group, error)

    def _divide(self, group: list[SitePlan], error: VerificationError) -> None:
        """Find what fails in a group that failed."""
        if isinstance(error, WrongSites) and (rest := self._without(group, error)) != group:
            self._add(rest)
        elif len(group) == 1 or self._is_tired:
            self._refused |= {(entry.site, entry.rule): str(error) for entry in group}
        else:
            middle = len(group) // 2
            self._add(group[:middle])
            self._add(group[middle:])

    @property
    def _is_tired(self) -> bool:
        return self._attempts >= MOST_ATTEMPTS or time.monotonic() > self._end

    def _without(self, group: list[SitePlan], error: WrongSites) -> list[SitePlan]:
        """`group` without the sites that `error` names, which are refused."""
        named = {(e.site, e.rule) for e in group} & error.reasons.keys()
        self._refused |= {key: error.reasons[key] for key in named}
        return [entry for entry in group if (entry.site, entry.rule) not in named]

    def _attempt(self, sites: list[SitePlan]) -> VerificationError | None:
        """Rewrite these sites alone and check; the failure, if there is one."""
        self._attempts += 1
        wanted = {(entry.site, entry.rule) for entry in sites}
        plan = Plan([copy.copy(e) for e in self._plan.sites if (e.site, e.rule) in wanted])
        loaded, options = self._original.loaded, self._original.options
        try:
            verify_exact(self._original, plan)
            applied = apply(loaded.model, options, plan)
            report = verify(loaded, applied.model, options, applied.plan, self._original)
        except MemoryError:
            raise
        except Exception as error:
            return _failure(error)
        self._best = Checked(applied, report)
        return None


def _failure(error: Exception) -> VerificationError:
    """A failed rewrite counts as a failed check."""
    if isinstance(error, VerificationError):
        return error
    return VerificationError(f"rewriting fails ({type(error).__name__}: {one_line(error)})")


def _refusals(refused: dict[Key, str]) -> list[str]:
    """One sentence on the sites that failed."""
    if not refused:
        return []
    names = [site for site, _ in refused]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    many = "1 site was" if len(names) == 1 else f"{len(names)} sites were"
    return [f"{many} left as in the original after a failed check: {shown} ({next(iter(refused.values()))})"]
