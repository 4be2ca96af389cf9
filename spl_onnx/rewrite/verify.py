"""Checks of a rewritten model before it is written.

1. onnx.checker and strict shape inference pass, if they passed on the original.
2. Without the library (dense fallback bodies), the outputs equal the original's to rounding. How large
rounding is
   depends on the network, so it is measured: the same original model run with all and with no graph
   optimisations of ONNX Runtime differs by rounding only. `ROUNDING_MARGIN` times that is allowed, and never
   less than `LEAST_TOLERANCE`.
3. With the library, if it is built: same shapes, finite values, and the same values unless some are given
   away.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from spl_onnx.errors import PluginError, VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model_io import LoadedModel
from spl_onnx.rewrite.plan import Plan
from spl_onnx.rewrite.tensors import copy_without_data
from spl_onnx.rewrite.trial import Array, Feeds, Trial, run, trial_inputs

#: One pair of summation orders is a small sample of rounding errors: another pair may differ this much more.
ROUNDING_MARGIN = 32.0
#: 64 float32 roundings relative to the largest output, where the sample shows none.
LEAST_TOLERANCE = 64 * float(np.finfo(np.float32).eps)
#: Whole-number outputs (classes, masks) may flip at ties between values that differ by rounding.
FLIPPED_FRACTION = 1e-3


def verify(
    loaded: LoadedModel, rewritten: onnx.ModelProto, options: RewriteOptions, plan: Plan
) -> dict[str, Any]:
    """Check `rewritten` against the original.

    Returns:
        For the report: largest relative difference, tolerance, and what was skipped.

    Raises:
        VerificationError: A check failed.
    """
    if not any(site.is_rewritten for site in plan.sites):
        return {"skipped": "nothing was rewritten"}
    with tempfile.TemporaryDirectory(prefix="spl-onnx-") as folder:
        trial = Trial(Path(folder))
        original, result = trial.source(loaded.model, loaded.path), trial.source(rewritten)
        report: dict[str, Any] = {"checker": _check(loaded.model, original, rewritten, result)}
        feeds, expected = _run_original(original, loaded.model, options)
        tolerance = _tolerance(original, feeds, expected)
        report["input_shapes"] = {name: list(value.shape) for name, value in feeds.items()}
        report["tolerance"] = tolerance
        report["fallback_difference"] = _compare(
            run(result, feeds), expected, tolerance, "without the library"
        )
        exact = all(site.choice not in ("predict", "truncate") for site in plan.sites)
        report["library"] = _run_library(result, feeds, expected, tolerance if exact else None)
    return report


def _check(original: onnx.ModelProto, original_source: Any, rewritten: onnx.ModelProto, source: Any) -> str:
    try:
        _check_one(original, original_source)
    except Exception as error:  # whatever the checker dislikes in the input is not our doing
        return f"skipped, the original does not pass: {_one_line(error)}"
    try:
        _check_one(rewritten, source)
    except Exception as error:
        raise VerificationError(
            f"the rewritten model is not valid: {_one_line(error)}; please report this"
        ) from error
    return "passed"


def _check_one(model: onnx.ModelProto, source: bytes | str) -> None:
    onnx.checker.check_model(source)
    onnx.shape_inference.infer_shapes(
        copy_without_data(model), check_type=True, strict_mode=True, data_prop=True
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _run_original(
    source: bytes | str, model: onnx.ModelProto, options: RewriteOptions
) -> tuple[Feeds, list[Array]]:
    """The first made-up input that the original accepts, with its outputs."""
    problem = "it has no inputs"
    for feeds in trial_inputs(model, options.input_shape, options.seed):
        try:
            return feeds, run(source, feeds)
        except (
            Exception
        ) as error:  # ONNX Runtime has many exception types; a wrong size is one of their causes
            problem = _one_line(error)
    raise VerificationError(
        f"the original model does not run on a made-up input ({problem}); "
        "name a shape it accepts with --input-shape, or use --no-verify"
    )


def _tolerance(source: bytes | str, feeds: Feeds, expected: list[Array]) -> float:
    """Allowed difference, relative to the largest value of an output."""
    plain = run(source, feeds, optimised=False)
    noise = [difference(a, b) for a, b in zip(plain, expected, strict=True) if _is_float(b)]
    finite = [value for value in noise if np.isfinite(value)]
    return max(LEAST_TOLERANCE, ROUNDING_MARGIN * max(finite, default=0.0))


def _is_float(value: Array) -> bool:
    return bool(np.issubdtype(value.dtype, np.floating))


def difference(got: Array, expected: Array) -> float:
    """Largest difference relative to the largest finite value; infinite where shape or finiteness differ."""
    if got.shape != expected.shape:
        return float("inf")
    if not expected.size:
        return 0.0
    finite = np.isfinite(expected)
    if (
        not np.array_equal(got[~finite], expected[~finite], equal_nan=True)
        or not np.isfinite(got[finite]).all()
    ):
        return float("inf")
    if not finite.any():
        return 0.0
    gap = float(np.abs(got[finite].astype(np.float64) - expected[finite]).max())
    scale = float(np.abs(expected[finite]).max())
    return gap / scale if scale > 0 else gap


def _compare(got: list[Array], expected: list[Array], tolerance: float | None, how: str) -> float:
    """The largest difference of all outputs.

    Args:
        got: Outputs of the rewritten model.
        expected: Outputs of the original.
        tolerance: Allowed difference; None = only shapes and finiteness count, because settings change
            values.
        how: How the rewritten model was run, for messages.

    Raises:
        VerificationError: An output differs too much.
    """
    worst = 0.0
    for index, (a, b) in enumerate(zip(got, expected, strict=True)):
        where = f"output {index} of the rewritten model, run {how},"
        if a.shape != b.shape:
            raise VerificationError(f"{where} has shape {list(a.shape)}, wanted {list(b.shape)}")
        gap = difference(a, b) if _is_float(b) else 0.0
        if tolerance is None:
            _check_finite(a, b, where)
        elif not _is_float(b):
            _check_whole(a, b, where)
        elif not gap <= tolerance:
            raise VerificationError(
                f"{where} differs by {gap:.3g} of the largest value, wanted at most {tolerance:.3g}; "
                "find the rule with --skip-rules"
            )
        worst = max(worst, gap)
    return worst


def _check_finite(got: Array, expected: Array, where: str) -> None:
    if _is_float(expected) and np.isfinite(expected).all() and not np.isfinite(got).all():
        raise VerificationError(f"{where} is not finite; find the rule with --skip-rules")


def _check_whole(got: Array, expected: Array, where: str) -> None:
    flipped = float(np.mean(got != expected)) if expected.size else 0.0
    if flipped > FLIPPED_FRACTION:
        raise VerificationError(
            f"{where} differs in {flipped:.2%} of places; find the rule with --skip-rules"
        )


def _run_library(source: bytes | str, feeds: Feeds, expected: list[Array], tolerance: float | None) -> Any:
    """Run with the library; without `tolerance` only shapes and finiteness count."""
    try:
        got = run(source, feeds, plugin=True)
    except PluginError as error:
        return f"skipped: {error}"
    except Exception as error:
        raise VerificationError(f"the rewritten model fails with the library: {_one_line(error)}") from error
    return {"difference": _compare(got, expected, tolerance, "with the library")}
