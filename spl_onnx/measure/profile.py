"""Time per node from ONNX Runtime's profiler, for sessions that run in turn."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from spl_onnx.data.reader import Feeds
from spl_onnx.files.scratch import ScratchFolder
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.progress import Progress, silent

_SUFFIX = "_kernel_time"


@dataclass(frozen=True)
class NodeTime:
    """Time of a node.

    Attributes:
        name: name of the node as ONNX Runtime runs it.
        op_type: operator.
        ms: milliseconds, of one execution or as the mean of several.
    """

    name: str
    op_type: str
    ms: float


#: The nodes of one run of a model, in the order of their execution.
Run = list[NodeTime]


def profile_nodes(
    model: onnx.ModelProto | str | Path,
    batches: Sequence[Feeds],
    threads: int,
    runs: int,
    provider: str = "cpu",
) -> list[NodeTime]:
    """Run a model under the profiler.

    Args:
        model: a model or its path.
        batches: inputs; the runs go through them in turn.
        threads: threads inside an operator.
        runs: counted runs; as many batches run before to warm up.
        provider: "cpu" or "cuda", see `create_session`.

    Returns:
        The mean of every node, the slowest first.
    """
    counted = [batches[i % len(batches)] for i in range(runs)]
    (seen,) = _profile([model], batches, counted, threads, silent, provider)
    return mean_times(seen)


def profile_in_turn(
    models: Sequence[onnx.ModelProto],
    batches: Sequence[Feeds],
    threads: int,
    warmup: int = 1,
    progress: Progress = silent,
    provider: str = "cpu",
) -> list[list[Run]]:
    """Run several models in turn, batch by batch, under the profiler.

    Args:
        models: models with the same inputs.
        batches: inputs; every model runs each of them once.
        threads: threads inside an operator.
        warmup: runs with the first batch before that, which do not count.
        progress: told 1 after every batch.
        provider: "cpu" or "cuda", see `create_session`.

    Returns:
        For each model its runs, one per batch.
    """
    return _profile(models, [batches[0]] * warmup, batches, threads, progress, provider)


def _profile(
    models: Sequence[onnx.ModelProto | str | Path],
    warmup: Sequence[Feeds],
    batches: Sequence[Feeds],
    threads: int,
    progress: Progress,
    provider: str,
) -> list[list[Run]]:
    with ScratchFolder() as folder:
        prefixes = [str(folder / f"profile{i}") for i in range(len(models))]
        sessions = [
            create_session(model, threads=threads, profile=prefix, provider=provider)
            for model, prefix in zip(models, prefixes, strict=True)
        ]
        for feeds in [*warmup, *batches]:
            for session in sessions:
                run(session, feeds)
            progress(1)
        texts = [Path(session.end_profiling()).read_text(encoding="utf-8") for session in sessions]
    return [split_runs(text)[len(warmup) :] for text in texts]


def split_runs(profile: str) -> list[Run]:
    """The runs in a profile.

    Args:
        profile: the JSON text that ONNX Runtime writes; the event of a run stands behind those of its nodes.
    """
    runs: list[Run] = []
    current: Run = []
    for event in json.loads(profile):
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_SUFFIX):
            operator = str(event["args"].get("op_name", ""))
            current.append(NodeTime(name.removesuffix(_SUFFIX), operator, event["dur"] / 1000.0))
        elif name == "model_run":
            runs.append(current)
            current = []
    return runs


def mean_times(runs: Sequence[Run]) -> list[NodeTime]:
    """The mean of every node over its executions, the slowest first."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for node in (node for nodes in runs for node in nodes):
        times[node.name, node.op_type].append(node.ms)
    means = [NodeTime(name, op, sum(values) / len(values)) for (name, op), values in times.items()]
    return sorted(means, key=lambda node: -node.ms)


def by_operator(nodes: Sequence[NodeTime]) -> dict[str, float]:
    """Milliseconds per operator type, the slowest first."""
    totals: dict[str, float] = defaultdict(float)
    for node in nodes:
        totals[node.op_type] += node.ms
    return dict(sorted(totals.items(), key=lambda item: -item[1]))
