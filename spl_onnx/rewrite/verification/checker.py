"""Whether a model is valid, as onnx says."""

from __future__ import annotations

import onnx

from spl_onnx.rewrite.graph.tensors import copy_for_inference
from spl_onnx.rewrite.process.child import one_line


def problem_of(model: onnx.ModelProto, source: bytes | str) -> str:
    """What the checker or strict shape inference dislikes in a model; empty where nothing.

    Args:
        model: The model.
        source: The same as bytes, or the path of its file.
    """
    try:
        onnx.checker.check_model(source)
        onnx.shape_inference.infer_shapes(
            copy_for_inference(model), check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:
        return one_line(error)
    return ""
