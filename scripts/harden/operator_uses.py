"""Hostile uses of the operators: each run gives a right answer or a status of ONNX Runtime, never a crash.

    python -m scripts.harden.operator_uses --count 500 --seed 7

A use is a model with one node of ours and what one session of it is fed. All uses of a seed are shuffled by
it, and `--count` takes the first ones. Answers are compared with the NumPy reference (`answers.py`).
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from scripts.harden.answers import UnjudgedError, problem_of
from scripts.harden.isolated import add_case_arguments, judge, report_cases, try_cases
from scripts.harden.operators import Use, operators
from scripts.harden.operators_of_bytes import byte_operators
from scripts.harden.sanitizers import environment
from scripts.harden.use_families import FAMILIES
from spl_onnx.plugin import get_library_path

#: Bytes of address space for a child without sanitizers: what asks for more must get a status.
_MEMORY = 6 << 30
#: Multiply-accumulates of a use that runs in reasonable time with a sanitizer.
_MODERATE = 3e7
#: The same without, and from where on no machine has the memory, so that there must be a status at once.
_MOST, _TOO_MANY = 5e9, 1e15


def uses(seed: int) -> list[Use]:
    """All uses of a seed, shuffled."""
    rng = np.random.default_rng(seed)
    all_operators = [*operators(seed), *byte_operators(seed)]
    found = [use for family in FAMILIES for use in family(all_operators, rng)]
    return [found[i] for i in rng.permutation(len(found))]


def check(use: Use, library: str, threads: int = 2) -> str:
    """Everything that is wrong with one use; "" when it is clean."""
    model = use.model()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False
    options.register_custom_ops_library(library)
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        return f"refused: {_short(error)}" if use.must_run else ""
    problems = [_check_run(session, model, feeds, use.must_run) for feeds in use.feeds()]
    return next((f"run {i}: {problem}" for i, problem in enumerate(problems) if problem), "")


def _check_run(
    session: ort.InferenceSession, model: Any, feeds: Mapping[str, NDArray[Any]], must_run: bool
) -> str:
    try:
        got = session.run(None, dict(feeds))[0]
    except Exception as error:
        return f"refused: {_short(error)}" if must_run else ""
    try:
        return problem_of(model, feeds, got)
    except UnjudgedError:
        return ""


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[-200:]


def products(use: Use) -> float:
    """Multiply-accumulates of a use's first run, as far as its attributes make sense; else 0."""
    attributes = {**use.operator.attributes, **use.attributes}
    x, w = use.present.get("X"), use.present.get("W", use.present.get("Wp"))
    if not use.operator.is_image or x is None or w is None or x.ndim != 4 or w.ndim != 4:
        return 0.0
    try:
        sizes = [_outputs(attributes, x.shape, w.shape, axis) for axis in range(2)]
    except (KeyError, IndexError, TypeError, ZeroDivisionError):
        return 0.0
    return float(x.shape[0]) * max(sizes[0], 0.0) * max(sizes[1], 0.0) * w.size


def _outputs(attributes: Mapping[str, Any], x: Sequence[int], w: Sequence[int], axis: int) -> float:
    pads, stride = attributes["pads"], attributes["strides"][axis]
    reach = (w[1 + axis] - 1) * attributes["dilations"][axis] + 1
    return (float(x[1 + axis]) + pads[axis] + pads[axis + 2] - reach) / stride + 1


def _is_moderate(use: Use, most: float) -> bool:
    """Whether a use ends in reasonable time: few products, or so many that there must be a status at once."""
    return not most < products(use) < _TOO_MANY


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints every bad use and the counts; returns 1 when there is a bad one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_case_arguments(parser, count=500)
    args = parser.parse_args(arguments)
    library = args.library or get_library_path()
    most = _MODERATE if args.sanitized else _MOST
    chosen = [use for use in uses(args.seed) if _is_moderate(use, most)][: args.count]
    if args.first is not None:
        if not args.sanitized:
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        names = [(i, chosen[i].name) for i in range(args.first, args.last)]
        report_cases(names, lambda index: check(chosen[index], library))
        return 0
    command = [sys.executable, "-m", "scripts.harden.operator_uses", "--count", str(args.count)]
    command += ["--seed", str(args.seed), "--library", library, *(["--sanitized"] if args.sanitized else [])]
    variables = environment() if args.sanitized else {}
    return judge("operator uses", try_cases(command, range(len(chosen)), variables), args.seconds)


if __name__ == "__main__":
    sys.exit(main())
