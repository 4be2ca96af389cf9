"""Models that nobody takes are refused; what one of onnx.checker and ONNX Runtime takes is not."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.errors import ModelError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model import validity
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.model.validity import require_inferable, require_valid
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net
from tests.small_models import small_cnn


def changed(change):
    model = small_cnn()
    change(model)
    return model


def rename_input(model):
    model.graph.node[0].input[0] = "nowhere"


def cut_weights(model):
    tensor = next(t for t in model.graph.initializer if len(t.raw_data) > 1024)
    tensor.raw_data = tensor.raw_data[:-4]


def lie_about_small_weights(model):
    next(t for t in model.graph.initializer if t.name == "b1").dims[:] = [9]


def twice_written(model):
    model.graph.node[1].output[0] = model.graph.node[0].output[0]


@pytest.mark.parametrize("change", [rename_input, cut_weights, lie_about_small_weights, twice_written])
def test_refused_by_both(change):
    with pytest.raises(ModelError, match=r"not a valid model: .*onnx.checker\); .*ONNX Runtime"):
        require_valid(LoadedModel(changed(change)))


def test_refused_where_no_site_is_found():
    """Nothing would be rewritten, so nothing would be verified."""
    made = Net()
    made.node("Neg", [made.input("x", [1, 3])], "y")
    model = made.model("y")
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(ModelError, match="not a valid model"):
        rewrite_model(model)
    assert rewrite_model(model, RewriteOptions(no_verify=True)).model == model


def test_one_who_takes_it_is_enough(monkeypatch):
    asked = []
    monkeypatch.setattr(validity, "_runtime", lambda source: asked.append(source))
    require_valid(LoadedModel(small_cnn()))
    assert not asked, "ONNX Runtime is asked only about what the checker refuses"
    require_valid(LoadedModel(changed(lambda model: model.graph.ClearField("name"))))
    assert len(asked) == 1


def test_unsorted_nodes():
    """The checker wants them sorted, ONNX Runtime does not."""
    model = small_cnn()
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes[1:], nodes[0]])
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(model)
    require_valid(LoadedModel(model))


def test_unknown_custom_operators_are_nobodys_fault():
    model = small_cnn()
    model.graph.node[5].domain = "elsewhere"
    model.opset_import.add(domain="elsewhere", version=1)
    require_valid(LoadedModel(model))


def aborting():
    """A Pad to a size below 0 and a Slice of it: onnx checks its own arithmetic with an assertion."""
    bounds = {"border": [0, 1 - (1 << 63)], "starts": [1], "ends": [-1], "axes": [0]}
    tensors = [numpy_helper.from_array(np.array(v, np.int64), name) for name, v in bounds.items()]
    nodes = [
        helper.make_node("Pad", ["x", "border"], ["p"]),
        helper.make_node("Slice", ["p", "starts", "ends", "axes"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_shape_inference_that_aborts(monkeypatch):
    monkeypatch.setattr(validity, "survives", lambda work: False)
    with pytest.raises(ModelError, match="shape inference of onnx aborts"):
        require_inferable(small_cnn())
    monkeypatch.undo()
    require_inferable(small_cnn())


@pytest.mark.parametrize("no_verify", [False, True])
def test_a_model_that_makes_onnx_abort_ends_nothing(no_verify):
    """Whether onnx aborts depends on how it was built; the process must be here in any case."""
    try:
        rewrite_model(aborting(), RewriteOptions(no_verify=no_verify))
    except ModelError as error:
        assert "shape inference" in str(error)


def test_a_part_of_free_sizes_that_are_written_as_minus_one():
    """The shape inference of onnx aborts on it, unless it is told that the sizes are free."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, None, None]), "c", 4, 3)], "r")
    sizes = made.node("Shape", ["r"], "sizes")
    bounds = (made.const("first", np.array([0])), made.const("last", np.array([-1])))
    part = made.node("Slice", ["x", *bounds, made.const("axis", np.array([3]))], "part")
    outputs = (part, made.node("Cast", [sizes], "numbers", to=TensorProto.FLOAT), "r")
    model = made.model(*outputs)
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = -1
    result = rewrite_model(model, RewriteOptions(rules="all", lossless=True))
    assert sum(result.plan.counts().values()) == 1
    assert result.model.graph.input == model.graph.input
