"""Sparse prediction layers for ONNX models: compute only the outputs that are not trivial.

    import onnxruntime as ort
    import spl_onnx

    result = spl_onnx.rewrite("in.onnx")            # .model, .plan, .report
    options = ort.SessionOptions()
    spl_onnx.register(options)
    session = ort.InferenceSession(result.model.SerializeToString(), options)

Importing this package is quick: onnx and ONNX Runtime are loaded when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# The function `rewrite` below shares its name with this subpackage. Importing the subpackage first makes the
# function the package's attribute for good; later imports of `spl_onnx.rewrite.<module>` do not set it again.
import spl_onnx.rewrite as _rewrite_package
from spl_onnx.plugin import get_library_path, register

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    from spl_onnx.rewrite.result import RewriteResult

del _rewrite_package

__version__ = "0.1.0"
__all__ = ["RewriteResult", "__version__", "get_library_path", "register", "rewrite"]


def rewrite(model: onnx.ModelProto | str | Path, data: object = None, **options: object) -> RewriteResult:
    """Rewrite a model; the model that is passed in is not changed, and nothing is written.

    Args:
        model: a model, or the path of one (needed for weights in separate files, and above 2 GB).
        data: what the accuracy is checked on: a path (image folder, .npz, folder of those, ONNX test data
            sets) or an object with `get_next() -> dict[str, ndarray] | None`, optionally with `last_labels`.
        **options: fields of `spl_onnx.options.RewriteOptions`, named like the command line flags, and of
            `spl_onnx.data.DataOptions` (preprocess, limit, batch, ...).

    Returns:
        A result with `.model` (the rewritten model), `.plan` (every site and its choice), `.report` (a dict).

    Raises:
        UsageError: an option is unknown or contradicts another one.
        ModelError: the model is broken or uses the domains of spl-onnx already.
        VerificationError: the rewritten model differs, or loses more than `max_drop` of the metric on `data`.
        DataError: the data is missing or does not fit the model.
        PluginError: `data` is given and the operator library cannot be used.
    """
    from spl_onnx.pipeline import rewrite_and_measure

    return rewrite_and_measure(model, data, options)


def __getattr__(name: str) -> Any:
    if name == "RewriteResult":
        from spl_onnx.rewrite.result import RewriteResult

        return RewriteResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
