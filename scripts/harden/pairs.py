"""Small models with weights in a file of their own, told apart after writers met or were killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from spl_onnx.rewrite.model.model_io import load_model, save_model

#: Name of the model file in its folder.
NAME = "model.onnx"
_SIDE = 192


def model(value: float) -> onnx.ModelProto:
    """A matrix of equal numbers; the name of its node says which number."""
    weights = numpy_helper.from_array(np.full((_SIDE, _SIDE), value, np.float32), "w")
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, _SIDE]) for name in "xy"]
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name=str(float(value)))
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def save(folder: Path, value: float, *, external: bool = True) -> None:
    """Replace the model of a folder by the one of `value`."""
    save_model(model(value), folder / NAME, external_data=external)


def fault_of(loaded: onnx.ModelProto, values: set[float]) -> str | None:
    """What is wrong with a model that somebody read; None when it is one of those that were written."""
    weights = set(np.unique(numpy_helper.to_array(loaded.graph.initializer[0])).tolist())
    named = float(loaded.graph.node[0].name)
    if weights != {named}:
        return f"model {named} with weights {sorted(weights)}"
    return None if named in values else f"model {named}, which nobody wrote"


def fault(folder: Path, values: set[float]) -> str | None:
    """What is wrong with the model of a folder, for this package and for onnx."""
    for read in (load_model, onnx.load):
        try:
            found = fault_of(read(folder / NAME), values)
        except Exception as error:
            found = f"{read.__module__}: {type(error).__name__}: {error}"
        if found is not None:
            return found
    return None


def litter(folder: Path, *, external: bool = True) -> list[str]:
    """Files that belong to nothing, once one writer has come to its end and nobody else is there."""
    names = sorted(path.name for path in folder.iterdir() if path.name != NAME)
    if external:
        bare = onnx.load(folder / NAME, load_external_data=False)
        used = {entry.value for entry in bare.graph.initializer[0].external_data if entry.key == "location"}
        names = [name for name in names if name not in used]
    return names
