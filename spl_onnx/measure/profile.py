"""Time per node from ONNX Runtime's profiler."""

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

_SUFFIX = "_kernel_time"


@dataclass(frozen=True)
class NodeTime:
    """Mean time of a node.

    Attributes:
        name: name of the node as ONNX Runtime runs it.
        op_type: operator.
        ms: milliseconds per run.
    """

    name: str
    op_type: str
    ms: float


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
        All nodes, the slowest first.
    """
    with ScratchFolder() as folder:
        prefix = str(folder / "profile")
        session = create_session(model, threads=threads, profile=prefix, provider=provider)
        for i in range(len(batches) + runs):
            run(session, batches[i % len(batches)])
        text = Path(session.end_profiling()).read_text(encoding="utf-8")
    return summarise(text, skip=len(batches))


def summarise(profile: str, skip: int) -> list[NodeTime]:
    """Mean time per node of a profile.

    Args:
        profile: the JSON text that ONNX Runtime writes.
        skip: how many of the first runs of each node are left out.
    """
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in json.loads(profile):
        if event.get("cat") == "Node" and event["name"].endswith(_SUFFIX):
            key = event["name"].removesuffix(_SUFFIX), event["args"].get("op_name", "")
            times[key].append(event["dur"] / 1000.0)
    means = [
        NodeTime(name, op, sum(values[skip:]) / len(values[skip:]))
        for (name, op), values in times.items()
        if len(values) > skip
    ]
    return sorted(means, key=lambda node: -node.ms)


def by_operator(nodes: Sequence[NodeTime]) -> dict[str, float]:
    """Milliseconds per operator type, the slowest first."""
    totals: dict[str, float] = defaultdict(float)
    for node in nodes:
        totals[node.op_type] += node.ms
    return dict(sorted(totals.items(), key=lambda item: -item[1]))
