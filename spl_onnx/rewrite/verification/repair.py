"""A checked rewrite: sites that fail are found and left dense, the others stay."""

from __future__ import annotations

import copy
import time
from dataclasses import replace

from spl_onnx.errors import UsageError, VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.edit.apply import Applied, apply
from spl_onnx.rewrite.edit.finish import require_fallback
from spl_onnx.rewrite.graph.boundary import REWRITING, UnforeseenError, model_boundary
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.process.child import one_line
from spl_onnx.rewrite.sites.plan import Key, Plan, SitePlan, leave_dense
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.rewrite.verification.original import Original
from spl_onnx.rewrite.verification.sites import WrongSites
from spl_onnx.rewrite.verification.verify import verify, verify_exact

#: Rewritten models that are checked in the search for failing sites. One failing site of 60 takes 13, six of
#: them about 50; where more fail, whole groups are left dense.
MOST_ATTEMPTS = 64
#: Seconds of the search after which it looks no closer.
MOST_SECONDS = 900.0


@model_boundary(REWRITING)
def apply_checked(
    loaded: LoadedModel, plan: Plan, options: RewriteOptions, weights: SiteWeights | None = None
) -> Applied:
    """Apply a plan and check what comes of it; sites that fail the checks are left dense.

    Args:
        loaded: The model.
        plan: What becomes of its sites. Not changed.
        options: Input shapes and seed of the checks.
        weights: Of the sites of the model, where it is planned or rewritten more than once.

    Raises:
        VerificationError: The original does not run.
        UsageError: No input can be made up, or a site of `plan` is unknown or refused.
        ModelError: The model as a whole cannot be rewritten.
    """
    weights = weights or SiteWeights()
    if not any(entry.is_rewritten for entry in plan.sites):
        applied = apply(loaded.model, plan, weights)
        return replace(applied, verification=verify(loaded, applied.model, options, applied.plan))
    require_fallback(loaded.model)
    with Original(loaded, options, weights) as original:
        try:
            return _checked(original, plan)
        except (UsageError, MemoryError):
            raise
        except Exception as error:
            return _Repair(original, plan).rest(_failure(error))


def _checked(original: Original, plan: Plan) -> Applied:
    """A plan applied as it is, and checked."""
    loaded = original.loaded
    verify_exact(original, plan)
    applied = apply(loaded.model, plan, original.weights)
    report = verify(loaded, applied.model, original.options, applied.plan, original)
    return replace(applied, verification=report)


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
        self._best: Applied | None = None

    def rest(self, error: VerificationError) -> Applied:
        """The plan without what fails, after all its sites together failed with `error`."""
        self._divide([entry for entry in self._plan.sites if entry.is_rewritten], error)
        plan = leave_dense(self._plan, self._refused)
        loaded, options = self._original.loaded, self._original.options
        if self._best is None:
            report = verify(loaded, loaded.model, options, plan)
            return Applied(loaded.model, plan, verification=report, refused=self._refused)
        return replace(self._best, plan=plan, refused=self._refused)

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
        try:
            self._best = _checked(self._original, plan)
        except MemoryError:
            raise
        except Exception as error:
            return _failure(error)
        return None


def _failure(error: Exception) -> VerificationError:
    """A failed rewrite counts as a failed check."""
    if isinstance(error, VerificationError):
        return error
    if isinstance(error, UnforeseenError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return VerificationError(f"rewriting fails ({type(error).__name__}: {one_line(error)})")
