"""Time per node and run, from the profiles of sessions that run in turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from spl_onnx.data.reader import Feeds
from spl_onnx.files.scratch import ScratchFolder
from spl_onnx.measure.evaluate import Progress, silent
from spl_onnx.measure.sessions import create_session, run

_NODE_SUFFIX = "_kernel_time"


@dataclass(frozen=True)
class NodeEvent:
    """One execution of a node.

    Attributes:
        name: name of the node as ONNX Runtime runs it.
        op_type: operator.
        ms: its time in milliseconds.
    """

    name: str
    op_type: str
    ms: float


#: The nodes of one run of a model, in the order of their execution.
Run = list[NodeEvent]


def split_runs(profile: str) -> list[Run]:
    """The runs in a profile.

    Args:
        profile: the JSON text that ONNX Runtime writes; the event of a run stands behind those of its nodes.
    """
    runs: list[Run] = []
    current: Run = []
    for event in json.loads(profile):
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_NODE_SUFFIX):
            operator = str(event["args"].get("op_name", ""))
            current.append(NodeEvent(name.removesuffix(_NODE_SUFFIX), operator, event["dur"] / 1000.0))
        elif name == "model_run":
            runs.append(current)
            current = []
    return runs


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
    with ScratchFolder() as folder:
        sessions = [
            create_session(model, threads=threads, profile=str(folder / f"profile{i}"), provider=provider)
            for i, model in enumerate(models)
        ]
        for feeds in [*[batches[0]] * warmup, *batches]:
            for session in sessions:
                run(session, feeds)
            progress(1)
        texts = [Path(session.end_profiling()).read_text(encoding="utf-8") for session in sessions]
    return [split_runs(text)[warmup:] for text in texts]
