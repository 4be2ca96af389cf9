"""One random network: made, rewritten, run, and compared with plain ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from scripts.harden.network_steps import HEADS, MOTIFS, STEPS
from scripts.harden.networks import SeededChoices, finished, grow, inputs_of
from scripts.harden.operators_inside import operator_problem
from scripts.harden.sensitivity import expected, plain_session
from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model

Array = NDArray[Any]
THREADS = (1, 2, 4)
MODES: dict[str, dict[str, Any]] = {"lossless": {"lossless": True, "rules": "all"}, "default": {}}
#: Of so many networks one is verified by the tool as well, which takes longer than everything else.
_VERIFIED = 10
_TRIES = 20


def network(index: int, seed: int) -> tuple[onnx.ModelProto, list[dict[str, Array]]]:
    """A network that runs, and two inputs of it.

    Raises:
        RuntimeError: no network of this number runs at two sizes, which is a fault of the generator.
    """
    for attempt in range(_TRIES):
        choices = SeededChoices(f"{seed}.{index}.{attempt}")
        grown = grow(choices, STEPS, HEADS, MOTIFS)
        if not grown.outputs:
            continue
        rng = np.random.default_rng((seed, index, attempt))
        try:
            model = finished(grown)
            session = plain_session(model)
        except Exception:
            continue  # a layer does not fit the others: ONNX Runtime refuses the original
        feeds = list(_accepted(model, session, choices, rng))
        if len(feeds) == 2:
            return model, feeds
    raise RuntimeError("no network of this number runs")


def _accepted(
    model: onnx.ModelProto, session: ort.InferenceSession, choices: SeededChoices, rng: np.random.Generator
) -> Iterator[dict[str, Array]]:
    """At most two inputs that the original accepts."""
    found = 0
    for _ in range(6):
        feed = {"x": inputs_of(model, choices, rng)}
        try:
            outputs = session.run(None, feed)
        except Exception:
            continue
        if all(np.isfinite(value).all() and value.size for value in outputs) and found < 2:
            found += 1
            yield feed


def prepare(index: int, seed: int, folder: Path) -> str:
    """Write a network's rewritten models, inputs and expected outputs; gives what is wrong already."""
    model, feeds = network(index, seed)
    wanted = expected(model, feeds, seed)
    place = folder / str(index)
    place.mkdir()
    for mode, words in MODES.items():
        result = rewrite_model(model, RewriteOptions(**words, no_verify=index % _VERIFIED > 0))
        onnx.save(result.model, str(place / f"{mode}.onnx"))
        session = plain_session(result.model)
        for feed, outputs in zip(feeds, wanted, strict=True):
            problem = compare(session.run(None, feed), outputs)
            if problem:
                return f"{mode} without the library: {problem}"
    arrays = {f"x{i}": feed["x"] for i, feed in enumerate(feeds)}
    arrays |= {f"y{i}.{j}": y for i, outputs in enumerate(wanted) for j, (y, _) in enumerate(outputs)}
    np.savez(
        place / "runs.npz", allowed=[[allowed for _, allowed in outputs] for outputs in wanted], **arrays
    )
    return ""


def compare(got: Sequence[Array], wanted: Sequence[tuple[Array, float]]) -> str:
    """The first output that differs by more than it may, or has another size; "" when there is none."""
    for i, (value, (right, allowed)) in enumerate(zip(got, wanted, strict=True)):
        if value.shape != right.shape:
            return f"output {i} has shape {list(value.shape)}, wanted {list(right.shape)}"
        gap = float(np.abs(value - right).max(initial=0))
        if not gap <= allowed:
            return f"output {i} differs by {gap:.3g}, allowed {allowed:.3g}"
    return ""


def run_prepared(index: int, folder: Path, library: str) -> str:
    """Run what `prepare` wrote with the library, on the instruction set of this process."""
    place = folder / str(index)
    if not (place / "runs.npz").is_file():
        return ""  # its problem is told already
    with np.load(place / "runs.npz") as runs:
        allowed = runs["allowed"]
        feeds = [{"x": runs[f"x{i}"]} for i in range(len(allowed))]
        wanted = [[(runs[f"y{i}.{j}"], a) for j, a in enumerate(row)] for i, row in enumerate(allowed)]
    for mode in MODES:
        model = onnx.load(str(place / f"{mode}.onnx"))
        for threads in THREADS:
            problem = _run_mode(model, feeds, wanted, library, threads, exact=mode == "lossless")
            if problem:
                return f"{mode}, {threads} threads, {problem}"
    return ""


def _run_mode(
    model: onnx.ModelProto,
    feeds: Sequence[dict[str, Array]],
    wanted: Sequence[Sequence[tuple[Array, float]]],
    library: str,
    threads: int,
    exact: bool,
) -> str:
    session = open_session(model, library, threads)
    for i, (feed, outputs) in enumerate(zip(feeds, wanted, strict=True)):
        got = session.run(None, feed)
        limits = outputs if exact else [(y, np.inf) for y, _ in outputs]
        problem = compare(got, limits)
        if problem:
            return f"run {i}: {problem}"
    return (
        ""
        if exact or threads > 1
        else operator_problem(model, feeds, lambda watched: open_session(watched, library, 1))
    )


def open_session(model: onnx.ModelProto, library: str, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.register_custom_ops_library(library)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
