"""Is the operator library usable here, and if not, what to do."""

from __future__ import annotations

import ctypes
import importlib
import os
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.errors import SplError
from spl_onnx.measure.machine import active_isa, cpu_name, package_version
from spl_onnx.plugin import (
    CUDA_LIBRARY,
    MINIMUM_ONNXRUNTIME,
    get_cuda_library_path,
    get_library_path,
    parse_version,
)
from spl_onnx.spec.attributes import DOMAIN_GEMM, SRMM, VERSION, Activation, srmm_attributes

ISA_VARIABLE = "SPL_ONNX_ISA"
CUDA_DRIVER = "libcuda.so.1"
#: Distributions that all install the module `onnxruntime`; two of them overwrite each other.
_DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        good: True = fine, False = a problem, None = only information.
        found: what was found.
        advice: what to do about a problem.
    """

    name: str
    good: bool | None
    found: str
    advice: str = ""


def all_checks() -> list[Check]:
    """Look at everything, the library last."""
    runtime, library = _runtime(), _library()
    checks = [runtime, _distributions(), *_cuda(), Check("processor", None, cpu_name()), _isa(), library]
    return [*checks, _operator()] if runtime.good and library.good else checks


def _runtime() -> Check:
    wanted = ".".join(map(str, MINIMUM_ONNXRUNTIME))
    advice = f"pip install 'onnxruntime>={wanted}'"
    try:
        import onnxruntime
    except ImportError as error:
        return Check("ONNX Runtime", False, f"cannot be imported: {error}", advice)
    good = parse_version(onnxruntime.__version__) >= MINIMUM_ONNXRUNTIME
    return Check("ONNX Runtime", good, onnxruntime.__version__, "" if good else advice)


def _distributions() -> Check:
    found = [f"{name} {version}" for name in _DISTRIBUTIONS if (version := package_version(name))]
    good = len(found) <= 1
    advice = "they overwrite each other: uninstall all of them, then install one" if not good else ""
    return Check("ONNX Runtime packages", good, ", ".join(found) or "(built from source)", advice)


def _cuda() -> list[Check]:
    """Everything that running on CUDA takes; a problem only where some of it is there and the rest is not."""
    try:
        import onnxruntime
    except ImportError:
        return [Check("CUDA", None, "unknown")]
    driver, library = loads(CUDA_DRIVER), _cuda_library()
    provider = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    checks = [
        Check("CUDA driver", None, "present" if driver is None else f"none: {driver}"),
        Check("CUDA provider", None, "present" if provider else "none in this ONNX Runtime"),
    ]
    wanted = provider and driver is None
    if library is None:
        return [*checks, Check("CUDA operators", True if wanted else None, CUDA_LIBRARY)]
    advice = "pip install . in the project folder, with nvcc of CUDA 12 or 13 in PATH" if wanted else ""
    return [*checks, Check("CUDA operators", False if wanted else None, library, advice)]


def _cuda_library() -> str | None:
    """Why the CUDA operators cannot be used; None where they can."""
    try:
        return loads(get_cuda_library_path())
    except SplError as error:
        return str(error)


def loads(library: str) -> str | None:
    """Why a shared library does not load; None where it does."""
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return str(error)
    return None


def _isa() -> Check:
    """The instruction set in use, and whether the one asked for exists."""
    asked = os.environ.get(ISA_VARIABLE)
    try:
        kernels = importlib.import_module("spl_onnx._kernels")
    except ImportError as error:
        # The library chooses by itself and runs all the same; only the report of its choice is missing.
        advice = "to see it: apt install python3-dev, then pip install . in the project folder"
        return Check("instruction set", None, f"chosen by the library; not shown: {error}", advice)
    names = [str(name) for name in kernels.isa_names()]
    text = f"{active_isa()} (available: {', '.join(names)})"
    if asked and asked not in names:
        return Check("instruction set", False, f"{ISA_VARIABLE}={asked}; {text}", f"unset {ISA_VARIABLE}")
    return Check("instruction set", True, text)


def _library() -> Check:
    try:
        return Check("operator library", True, get_library_path())
    except SplError as error:
        return Check("operator library", False, str(error), "pip install . in the project folder")


def _operator() -> Check:
    """Run one operator end to end."""
    from spl_onnx.measure.sessions import create_session, run

    x = np.array([[1.0, 2.0], [-3.0, 0.0]], np.float32)
    wanted = np.array([[3.0], [0.0]], np.float32)
    advice = "the library does not fit this ONNX Runtime or processor: build it again here, pip install ."
    try:
        got = run(create_session(_probe_model(), threads=1, plugin=True), {"x": x})[0]
    except SplError as error:
        return Check("operators", False, str(error), advice)
    if not np.array_equal(got, wanted):
        return Check("operators", False, f"SRMM gave {got.tolist()}, wanted {wanted.tolist()}", advice)
    return Check("operators", True, "loaded and ran")


def _probe_model() -> onnx.ModelProto:
    """ReLU(x [2, 2] * ones [1, 2]) by one SRMM node, without a fallback body."""
    node = helper.make_node(
        SRMM, ["x", "w"], ["y"], "probe", domain=DOMAIN_GEMM, **srmm_attributes(None, None, Activation.relu())
    )
    graph = helper.make_graph(
        [node],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 1])],
        [numpy_helper.from_array(np.ones((1, 2), np.float32), "w")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN_GEMM, VERSION)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
