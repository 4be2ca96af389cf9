"""Whether the original is sound: a model that nobody can run is refused before anything else.

onnx.checker comes first and is given the weights one by one, so that it costs little for a model of any size.
It knows nothing of custom operators and takes them as they are. ONNX Runtime is asked only about what the
checker refuses, because it takes many models that break a rule of the standard.
"""

from __future__ import annotations

from pathlib import Path

import onnx

from spl_onnx.errors import ModelError, PluginError
from spl_onnx.files.scratch import ScratchFolder
from spl_onnx.rewrite.graph.boundary import REWRITING, model_boundary
from spl_onnx.rewrite.graph.tensors import copy_for_inference, copy_without_data
from spl_onnx.rewrite.model.external_data import is_external
from spl_onnx.rewrite.model.model_io import LoadedModel, read_model
from spl_onnx.rewrite.model.own_nodes import require_original
from spl_onnx.rewrite.model.trial import Trial
from spl_onnx.rewrite.process.child import Job
from spl_onnx.rewrite.process.forked import survives
from spl_onnx.rewrite.process.runner import RunError, Runner

_SHOWN = 400
#: Seconds that ONNX Runtime may take to load a model.
_LIMIT_S = 600.0


@model_boundary(REWRITING)
def require_rewritable(loaded: LoadedModel) -> None:
    """Refuse a model that was rewritten before, or that shape inference does not survive.

    Raises:
        ModelError: It is one.
    """
    require_original(loaded.model, loaded.where)
    require_inferable(loaded.model)


@model_boundary(REWRITING)
def require_valid(loaded: LoadedModel) -> None:
    """Refuse a model that onnx.checker and ONNX Runtime both refuse.

    Raises:
        ModelError: With what both say.
    """
    complaint = _checker(loaded.model)
    if complaint is None:
        return
    with ScratchFolder() as folder:
        refusal = _runtime(Trial(folder).source(loaded.model, loaded.path))
    if refusal is not None:
        raise ModelError(
            f"{loaded.where}: is not a valid model: {complaint[:_SHOWN]} (onnx.checker); {refusal[:_SHOWN]} "
            "(ONNX Runtime); export it again"
        )


def read_sound_model(path: str | Path) -> LoadedModel:
    """The model in a file, for a session in this process: it does not make shape inference abort.

    Raises:
        ModelError: It does, or it cannot be read.
    """
    loaded = read_model(path)
    require_inferable(loaded.model)
    return loaded


def require_inferable(model: onnx.ModelProto) -> None:
    """Refuse a model that the shape inference of onnx does not survive; it aborts on some it should refuse.

    Raises:
        ModelError: It does not.
    """
    light = copy_for_inference(model)
    for strict in (False, True):
        try_inference(light, check_type=strict, strict_mode=strict, data_prop=True)


def try_inference(light: onnx.ModelProto, **flags: bool) -> None:
    """Try in a copy of this process what `onnx.shape_inference.infer_shapes` does with a model.

    Raises:
        ModelError: It ends the process, takes gigabytes, or never comes to an end.
    """
    if not survives(lambda: onnx.shape_inference.infer_shapes(light, **flags)):
        raise ModelError(
            "the shape inference of onnx aborts on this model, or never comes to an end: its sizes, pads or "
            "slices mean nothing; export it again"
        )


def inferred(light: onnx.ModelProto, **flags: bool) -> onnx.ModelProto:
    """A copy of a model with what `onnx.shape_inference.infer_shapes` finds.

    Raises:
        ModelError: It does not survive the model, or refuses it, for which it has many kinds of errors.
    """
    try_inference(light, **flags)
    try:
        return onnx.shape_inference.infer_shapes(light, **flags)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(f"the shape inference of onnx refuses this model: {error}") from error


def _checker(model: onnx.ModelProto) -> str | None:
    """What onnx.checker dislikes; None when it takes the model."""
    try:
        onnx.checker.check_model(_with_inputs_for_weights(model))
        for tensor in model.graph.initializer:
            onnx.checker.check_tensor(tensor)
    except Exception as error:  # also of protobuf, for tensors that fit no message
        return " ".join(str(error).split()) or type(error).__name__
    return None


def _with_inputs_for_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` in which large weights are inputs of the graph."""
    light = copy_without_data(model)
    graph = light.graph
    declared = {value.name for value in graph.input}
    large = [tensor for tensor in graph.initializer if is_external(tensor)]
    small = [tensor for tensor in graph.initializer if not is_external(tensor)]
    del graph.initializer[:]
    graph.initializer.extend(small)
    for tensor in large:
        if tensor.name not in declared:
            shape = list(tensor.dims)
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, shape))
    return light


def _runtime(source: bytes | str) -> str | None:
    """What ONNX Runtime dislikes, in a process of its own that it may end; None when it takes the model."""
    with Runner(_LIMIT_S) as runner:
        for plugin in (True, False):  # a model without our operators does not need them
            try:
                runner.run(Job(source, {}, optimised=False, plugin=plugin, repeat=0))
            except PluginError:
                continue
            except RunError as error:
                return str(error)
            break
    return None
