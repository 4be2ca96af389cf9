"""Where the operator library is, and how a session gets it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any

from spl_onnx.errors import PluginError

MINIMUM_ONNXRUNTIME = (1, 17)

CUDA_LIBRARY = "libspl_ops_cuda.so"
_SUFFIXES = {"darwin": ".dylib", "win32": ".dll"}


def library_name() -> str:
    """File name of the operator library on this system."""
    return "libspl_ops" + _SUFFIXES.get(sys.platform, ".so")


def search_folders() -> list[Path]:
    """Folders where the library may be: beside the compiled module, the package's own, and the installed one.

    They differ in an editable installation, where the package is a source folder, and for programs that are
    started in a checkout, where the source folder hides the installed package.
    """
    folders = []
    spec = importlib.util.find_spec("spl_onnx._kernels")
    if spec is not None and spec.origin:
        folders.append(Path(spec.origin).resolve().parent)
    folders.append(Path(__file__).resolve().parent)
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        installed = importlib.metadata.distribution("spl-onnx").locate_file("spl_onnx")
        folders.append(Path(str(installed)).resolve())
    return list(dict.fromkeys(folders))


def get_library_path() -> str:
    """Absolute path of the operator library, for `register_custom_ops_library` in any language.

    Raises:
        PluginError: the library was not built or was removed.
    """
    folders = search_folders()
    for folder in folders:
        path = folder / library_name()
        if path.is_file():
            return str(path)
    looked = ", ".join(str(folder) for folder in folders)
    raise PluginError(
        f"{library_name()} not found in {looked}: build it with 'pip install .' in the project folder"
    )


def get_cuda_library_path() -> str:
    """Absolute path of the operators for the CUDA provider, which the operator library loads by itself.

    Raises:
        PluginError: they were not built.
    """
    path = Path(get_library_path()).with_name(CUDA_LIBRARY)
    if path.is_file():
        return str(path)
    raise PluginError(
        f"{CUDA_LIBRARY} not found in {path.parent}: build it with 'pip install .' in the project folder "
        "where nvcc of CUDA 12 or 13 is found"
    )


def register(session_options: Any) -> None:
    """Make a session that is created with these options use the operators of spl-onnx.

    Args:
        session_options: an `onnxruntime.SessionOptions`. Register once per options object.

    Raises:
        PluginError: the library is missing, or ONNX Runtime is too old or cannot load it.
    """
    import onnxruntime

    version = parse_version(onnxruntime.__version__)
    if version < MINIMUM_ONNXRUNTIME:
        wanted = ".".join(map(str, MINIMUM_ONNXRUNTIME))
        raise PluginError(
            f"ONNX Runtime {onnxruntime.__version__} is too old, {wanted} or newer is needed: "
            f"pip install 'onnxruntime>={wanted}'"
        )
    path = get_library_path()
    try:
        session_options.register_custom_ops_library(path)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise PluginError(f"ONNX Runtime {onnxruntime.__version__} cannot load {path}: {reason}") from error


def parse_version(text: str) -> tuple[int, int]:
    """Major and minor number of a version text; (0, 0) when it has none."""
    parts = text.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        return 0, 0
