"""ONNX Runtime sessions for measuring: all optimisations on, the plugin where a model needs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError, PluginError, UsageError
from spl_onnx.files.scratch import ScratchFolder
from spl_onnx.options import PROVIDERS, check_threads
from spl_onnx.plugin import get_cuda_library_path, register
from spl_onnx.rewrite.graph.tensors import total_bytes
from spl_onnx.rewrite.model.model_io import save_model
from spl_onnx.rewrite.model.own_nodes import own_nodes

#: Above this many bytes of weights a model goes to ONNX Runtime through files: protobuf ends at 2 GiB.
IN_MEMORY_LIMIT = 1_900_000_000
_QUIET = 3
CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def uses_plugin(model: onnx.ModelProto) -> bool:
    """Whether the model has nodes of spl-onnx, in graphs or functions."""
    return any(True for _ in own_nodes(model))


def create_session(
    model: onnx.ModelProto | str | Path,
    *,
    threads: int = 0,
    plugin: bool | None = None,
    profile: str | None = None,
    provider: str = "cpu",
    arena: bool = True,
) -> ort.InferenceSession:
    """Open a model with every optimisation of ONNX Runtime.

    Args:
        model: a model or its path.
        threads: threads inside an operator; 0 = ONNX Runtime's own choice.
        plugin: whether the operator library is registered; None = where the model has its nodes. False
            makes ONNX Runtime use the dense fallback bodies.
        profile: path prefix of a profile, None for no profile. With "cuda" the times in it are those of
            starting the work, unless the environment has CUDA_LAUNCH_BLOCKING=1.
        provider: "cpu", or "cuda" for the CUDA provider with the CPU's behind it.
        arena: whether the session keeps the memory of its runs for the next one; without, many sessions
            of parts of a network need no more than one, and each run is a little slower.

    Raises:
        ModelError: ONNX Runtime refuses the model.
        PluginError: the library or the CUDA provider is needed and cannot be used.
        UsageError: a negative number of threads, or an unknown provider.
    """
    check_threads(threads)
    _check_provider(provider)
    options = _options(threads, profile, arena)
    if _wants_plugin(model) if plugin is None else plugin:
        if provider == "cuda":
            get_cuda_library_path()  # without it the operators would run on the CPU
        register(options)
    session = _open(model, options, [CUDA, _CPU] if provider == "cuda" else [_CPU])
    if provider == "cuda" and CUDA not in session.get_providers():
        raise PluginError(
            "--provider cuda: ONNX Runtime could not start CUDA and took the CPU; it wants a GPU with a "
            "driver, and the CUDA and cuDNN libraries that its version is made for"
        )
    return session


def _options(threads: int, profile: str | None, arena: bool) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = arena
    # Threads of a session spin for a while after its run, and would take cores from the one that runs next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = profile
    return options


def _check_provider(provider: str) -> None:
    if provider not in PROVIDERS:
        raise UsageError(f"--provider: got {provider!r}, wanted one of {', '.join(PROVIDERS)}")
    if provider == "cuda":
        _require_cuda()


def _require_cuda() -> None:
    present = ort.get_available_providers()
    if CUDA not in present:
        raise PluginError(
            f"--provider cuda: this ONNX Runtime has {', '.join(present)}, wanted {CUDA}: "
            "replace the package onnxruntime by onnxruntime-gpu"
        )
    # CUDA and cuDNN from Python packages, where the system has none.
    preload = getattr(ort, "preload_dlls", None)
    if preload is not None:
        preload()


def _wants_plugin(model: onnx.ModelProto | str | Path) -> bool:
    if isinstance(model, onnx.ModelProto):
        return uses_plugin(model)
    try:
        return uses_plugin(onnx.load(str(model), load_external_data=False))
    except Exception:  # ONNX Runtime reads the file next and has the better message
        return False


def _open(
    model: onnx.ModelProto | str | Path, options: ort.SessionOptions, providers: list[str]
) -> ort.InferenceSession:
    if not isinstance(model, onnx.ModelProto):
        return _session(str(model), options, providers)
    if total_bytes(model) < IN_MEMORY_LIMIT:
        return _session(model.SerializeToString(), options, providers)
    with ScratchFolder() as folder:
        path = folder / "model.onnx"
        save_model(model, path)
        return _session(str(path), options, providers)


def _session(source: str | bytes, options: ort.SessionOptions, providers: list[str]) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(source, options, providers=providers)
    except Exception as error:
        where = source if isinstance(source, str) else "the model in memory"
        raise ModelError(f"{where}: ONNX Runtime cannot load it: {error}") from error


def run(
    session: ort.InferenceSession, feeds: dict[str, Array], outputs: Sequence[str] | None = None
) -> list[Array]:
    """Run a session.

    Raises:
        ModelError: an operator fails; the message is ONNX Runtime's.
    """
    try:
        return [np.asarray(value) for value in session.run(outputs, feeds)]
    except Exception as error:
        raise ModelError(f"running the model failed: {error}") from error
