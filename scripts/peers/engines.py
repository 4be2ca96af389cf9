"""Engines that run a network: one class per engine, opened in a process of its own (see `child.py`)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_HERE = "scripts.peers.engines"
ONNX_RUNTIME, OPENVINO = f"{_HERE}:OnnxRuntime", f"{_HERE}:OpenVino"


@dataclass(frozen=True)
class Setup:
    """How a network is opened.

    Attributes:
        engine: class of the engine, "module:name".
        model: path of the network.
        threads: threads of a run.
        batch: images of a run.
        precision: OpenVINO's for what is not quantised in the file ("f32", "bf16"); None = its own choice.
        plugin: whether ONNX Runtime gets the operators of spl-onnx.
    """

    engine: str
    model: str
    threads: int = 1
    batch: int = 1
    precision: str | None = None
    plugin: bool = False


class Engine(Protocol):
    """An opened network. Its class is called with a `Setup`."""

    def run(self, images: Array) -> Array:
        """The first output, [batch, ...], for images [batch, C, H, W]; valid until the next run."""

    def says(self) -> Mapping[str, str]:
        """What it tells of itself: precision, instruction set."""


def load_engine(name: str) -> Callable[[Setup], Engine]:
    """The class of an engine, the libraries that it needs imported."""
    module, _, inner = name.partition(":")
    engine = getattr(importlib.import_module(module), inner)
    for library in getattr(engine, "libraries", ()):
        importlib.import_module(library)
    opening: Callable[[Setup], Engine] = engine
    return opening


class OnnxRuntime:
    """ONNX Runtime with every optimisation (`ORT_ENABLE_ALL`), with our operators or without.

    Its threads stop spinning when a run ends, as in all measurements of this project.
    """

    libraries = ("spl_onnx.measure.sessions",)

    def __init__(self, setup: Setup) -> None:
        from spl_onnx.measure.sessions import create_session

        self._session = create_session(setup.model, threads=setup.threads, plugin=setup.plugin)
        self._input = self._session.get_inputs()[0].name

    def run(self, images: Array) -> Array:
        """The first output."""
        return np.asarray(self._session.run(None, {self._input: images})[0])

    def says(self) -> Mapping[str, str]:
        """Nothing."""
        return {}


class OpenVino:
    """OpenVINO on the CPU: one stream, for latency; shapes fixed to the batch, as its manual advises."""

    libraries = ("openvino",)

    def __init__(self, setup: Setup) -> None:
        openvino = importlib.import_module("openvino")
        core = openvino.Core()
        model = core.read_model(setup.model)
        shape = model.input(0).partial_shape
        shape[0] = setup.batch
        model.reshape({model.input(0): shape})
        options: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": setup.threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if setup.precision is not None:
            options["INFERENCE_PRECISION_HINT"] = setup.precision
        self._compiled = core.compile_model(model, "CPU", options)
        self._request = self._compiled.create_infer_request()

    def run(self, images: Array) -> Array:
        """The first output; neither inputs nor outputs are copied, as by ONNX Runtime."""
        outputs = self._request.infer([images], share_inputs=True, share_outputs=True)
        return np.asarray(outputs[0])

    def says(self) -> Mapping[str, str]:
        """Precision of what is not quantised, and the instruction set it found."""
        asked = {"precision": "INFERENCE_PRECISION_HINT", "runtime": "RUNTIME_REQUIREMENTS"}
        known = self._compiled.get_property("SUPPORTED_PROPERTIES")
        return {key: _text(self._compiled.get_property(name)) for key, name in asked.items() if name in known}


def _text(value: Any) -> str:
    """A property as text; types of elements by their name."""
    return str(value.get_type_name()) if hasattr(value, "get_type_name") else str(value)
