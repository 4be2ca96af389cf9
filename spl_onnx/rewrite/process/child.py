"""What the child process does: it runs models for its parent until the pipe between them closes.

ONNX Runtime can abort the process on a model it should refuse, and operators that are loaded from a library
can do the same; here that ends the child only. It imports little, so that it starts quickly.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.errors import PluginError

Feeds = Mapping[str, Array]

_ERRORS_ONLY = 4
#: Runs of a job that is repeated, however long they take: one alone could be a chance.
_LEAST_RUNS = 2


@dataclass(frozen=True)
class Job:
    """One model to run.

    Attributes:
        model: The model as bytes, or the path of its file.
        feeds: Inputs by name.
        optimised: All graph optimisations of ONNX Runtime, or none.
        plugin: Register the operator library; otherwise the fallback functions run.
        outputs: Names of the outputs that are wanted; None = all.
        repeat: How often it runs; a model with random nodes gives other numbers every time.
        seconds: After so many no more runs begin, except the second.
    """

    model: bytes | str
    feeds: Feeds
    optimised: bool = True
    plugin: bool = False
    outputs: tuple[str, ...] | None = None
    repeat: int = 1
    seconds: float = float("inf")


@dataclass(frozen=True)
class Answer:
    """What came of a job.

    Attributes:
        runs: Outputs of every run; empty where it failed.
        problem: Why it failed, in one line.
        unusable: The operator library is missing or cannot be loaded.
    """

    runs: tuple[list[Array], ...] = ()
    problem: str = ""
    unusable: bool = False


def execute(job: Job) -> list[list[Array]]:
    """Run a job in this process, on the CPU.

    Returns:
        The outputs of every run; an output that is no tensor is one array of all its numbers.

    Raises:
        PluginError: The library is wanted and cannot be used.
        Exception: ONNX Runtime has many types.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if job.optimised else level.ORT_DISABLE_ALL
    if job.plugin:
        from spl_onnx.plugin import register

        register(options)
    session = ort.InferenceSession(job.model, options, providers=["CPUExecutionProvider"])
    names = None if job.outputs is None else list(job.outputs)
    runs: list[list[Array]] = []
    end = time.monotonic() + job.seconds
    while len(runs) < job.repeat and (len(runs) < _LEAST_RUNS or time.monotonic() < end):
        runs.append([_array(value) for value in session.run(names, dict(job.feeds))])
    return runs


def _array(value: Any) -> Array:
    """An output as one array: sequences and maps are joined, nothing at all is empty."""
    if isinstance(value, np.ndarray):
        return value.astype(np.str_) if value.dtype == object else value
    parts = list(value.values()) if isinstance(value, Mapping) else value
    if isinstance(parts, list):
        flat = [np.ravel(_array(part)) for part in parts]
        return np.concatenate(flat) if flat else np.zeros(0, np.float32)
    return np.asarray([] if value is None else value)


def answer(job: Job) -> Answer:
    """Run a job; failures become a part of the answer."""
    try:
        return Answer(tuple(execute(job)))
    except PluginError as error:
        return Answer(problem=str(error), unusable=True)
    except Exception as error:
        return Answer(problem=one_line(error))


def one_line(error: BaseException) -> str:
    """The beginning of an error's text in one line; its type where it has none."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def serve(descriptor: int) -> None:
    """Say that this process is there, then answer jobs until the other end of the pipe is closed.

    Args:
        descriptor: This end of the pipe.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's, who ends us
    _leave_no_core_file()
    connection: Any = Connection(descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(True)
        while True:
            connection.send(answer(connection.recv()))


def _leave_no_core_file() -> None:
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
