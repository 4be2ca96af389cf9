"""To graphsurgeon and back: nothing of a model may be lost."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.graph.roundtrip import export_model, import_model
from tests.datasets import NETWORKS, load_network
from tests.rewrite.builders import images, rewritten, run


def full_model() -> onnx.ModelProto:
    """A model that has something in every field that ModelProto and its parts offer."""
    body_attrs = {"then_branch": branch("t"), "else_branch": branch("e")}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", doc_string="a node", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name=""),
        helper.make_node("Add", ["r", "sparse"], ["s"], name="add"),
        helper.make_node("Twice", ["s"], ["d"], name="call", domain="my.domain"),
        helper.make_node("Twice", ["d"], ["d2"], name="call2", domain="my.domain", overload="other"),
        helper.make_node("If", ["cond"], ["i"], name="if", **body_attrs),
        helper.make_node("Custom", ["d2", "", "i"], ["y", "", "z"], name="custom", domain="my.domain"),
    ]
    nodes[0].metadata_props.add(key="origin", value="here")
    binary = nodes[6].attribute.add(name="blob", type=onnx.AttributeProto.STRING)
    binary.s = b"\xff\xfe\x00"
    kind = nodes[6].attribute.add(name="kind", type=onnx.AttributeProto.TYPE_PROTO)
    kind.tp.CopyFrom(helper.make_tensor_type_proto(TensorProto.INT8, [1, "k"]))
    sparse_attribute = nodes[6].attribute.add(name="few", type=onnx.AttributeProto.SPARSE_TENSOR)
    sparse_attribute.sparse_tensor.CopyFrom(sparse("", 3))
    several = nodes[6].attribute.add(name="several", type=onnx.AttributeProto.TENSORS)
    several.tensors.extend([numpy_helper.from_array(np.arange(3), "one")])
    nodes[6].attribute.append(helper.make_attribute("text", "plain", doc_string="an attribute"))
    inputs = [
        helper.make_tensor_value_info("x", 1, ["N", 2, "H", None], doc_string="an input"),
        helper.make_tensor_value_info("cond", TensorProto.BOOL, []),
        helper.make_tensor_value_info("b", 1, [3]),
        helper.make_tensor_sequence_value_info("unused", 1, ["k"]),
        helper.make_value_info(
            "maybe", helper.make_optional_type_proto(helper.make_tensor_type_proto(1, []))
        ),
    ]
    inputs[0].type.denotation = "IMAGE"
    outputs = [helper.make_tensor_value_info("y", 1, None), helper.make_tensor_value_info("z", 1, ["N"])]
    initializers = [
        numpy_helper.from_array(np.ones((3, 2, 3, 3), np.float32), "w"),
        helper.make_tensor("b", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]),
        helper.make_tensor("nobody", TensorProto.FLOAT8E4M3FN, [2], [1.0, 2.0]),
        helper.make_tensor("words", TensorProto.STRING, [1], [b"\xff"]),
    ]
    initializers[0].doc_string = "weights"
    graph = helper.make_graph(
        nodes,
        "graph",
        inputs,
        outputs,
        initializers,
        doc_string="a graph",
        value_info=[helper.make_tensor_value_info("c", 1, ["N", 3, "H", "W"])],
        sparse_initializer=[sparse("sparse", 4)],
    )
    graph.metadata_props.add(key="graph", value="data")
    note = graph.quantization_annotation.add(tensor_name="c")
    note.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="b")
    functions = [twice(""), twice("other")]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("my.domain", 3)]
    model = helper.make_model(graph, functions=functions, opset_imports=opsets, ir_version=10)
    model.producer_name, model.producer_version = "maker", "1.2"
    model.domain, model.model_version, model.doc_string = "com.example", 7, "a model"
    model.metadata_props.add(key="names", value="{0: 'cat'}")
    if "configuration" in onnx.ModelProto.DESCRIPTOR.fields_by_name:
        model.configuration.add(name="two", num_devices=2)
        model.graph.node[0].device_configurations.add(configuration_id="two", pipeline_stage=1)
    info = model.training_info.add()
    info.algorithm.CopyFrom(branch("train"))
    info.initialization_binding.add(key="w", value="train_out")
    return model


def branch(name: str) -> onnx.GraphProto:
    node = helper.make_node(
        "Mul", ["r", f"{name}_k"], [f"{name}_out"], name=f"{name}_node", doc_string="inner"
    )
    node.metadata_props.add(key="inner", value="node")
    out = helper.make_tensor_value_info(f"{name}_out", 1, None)
    constant = numpy_helper.from_array(np.float32([2]), f"{name}_k")
    graph = helper.make_graph([node], name, [], [out], [constant], doc_string="a branch")
    graph.metadata_props.add(key="branch", value=name)
    return graph


def sparse(name: str, length: int) -> onnx.SparseTensorProto:
    values = helper.make_tensor(name, TensorProto.FLOAT, [1], [5.0])
    indices = helper.make_tensor(f"{name}_i", TensorProto.INT64, [1], [1])
    return helper.make_sparse_tensor(values, indices, [length])


def twice(overload: str) -> onnx.FunctionProto:
    function = helper.make_function(
        "my.domain",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"], doc_string="inside")],
        [helper.make_opsetid("", 18)],
        attributes=["free"],
        attribute_protos=[helper.make_attribute("bound", 3)],
        doc_string="a function",
        overload=overload,
    )
    function.metadata_props.add(key="function", value="data")
    return function


def test_the_test_model_is_not_trivial():
    """Every field of the message types is set somewhere, so that a lost field must show."""
    model = full_model()
    seen = {field.name for field, _ in model.ListFields()}
    assert seen == {f.name for f in onnx.ModelProto.DESCRIPTOR.fields}
    seen = {field.name for field, _ in model.graph.ListFields()}
    assert seen == {f.name for f in onnx.GraphProto.DESCRIPTOR.fields}


def test_zero_edit_loses_nothing():
    model = full_model()
    before = model.SerializeToString(deterministic=True)
    assert export_model(import_model(model), model) == model
    assert model.SerializeToString(deterministic=True) == before, "the input is not changed"


@pytest.mark.parametrize("name", NETWORKS)
def test_zero_edit_of_real_networks(name):
    model = load_network(name)
    assert export_model(import_model(model), model) == model


def test_only_what_belongs_to_replaced_nodes_changes():
    model = full_model()
    result = rewritten(model, no_verify=True).model
    assert [n.op_type for n in result.graph.node if n.op_type in ("Conv", "Relu")] == ["Conv", "Relu"], (
        "b is an input, so this model has no site"
    )
    del model.graph.input[2]
    rewritten_model = rewritten(model, no_verify=True).model
    kept = rewritten_model.graph.node[4:]
    assert "SRMM" in [n.op_type for n in rewritten_model.graph.node[:4]]
    assert list(kept) == list(model.graph.node[2:])
    for name in (
        "producer_name",
        "domain",
        "model_version",
        "doc_string",
        "metadata_props",
        "training_info",
        "ir_version",
    ):
        assert getattr(rewritten_model, name) == getattr(model, name), name
    assert list(rewritten_model.functions[:2]) == list(model.functions)
    for name in ("input", "output", "name", "doc_string", "metadata_props", "sparse_initializer"):
        assert getattr(rewritten_model.graph, name) == getattr(model.graph, name), name
    described = {value.name for value in rewritten_model.graph.value_info}
    assert described == {"r/Y"}, "ours; that of the original described a tensor that is gone"
    assert not rewritten_model.graph.quantization_annotation


def test_a_list_of_graphs_is_refused():
    model = full_model()
    many = model.graph.node[6].attribute.add(name="many", type=onnx.AttributeProto.GRAPHS)
    many.graphs.add().CopyFrom(branch("m"))
    with pytest.raises(ModelError, match="holds a list of graphs in attribute 'many'"):
        import_model(model)


def test_nodes_keep_their_order():
    model = load_network("mnist_lenet")
    result = rewritten(model).model
    x = images(1, 1, 28, 28)
    np.testing.assert_allclose(run(result, {"input": x})[0], run(model, {"input": x})[0], rtol=1e-5)
    produced = {"input", *(t.name for t in result.graph.initializer)}
    for node in result.graph.node:
        assert set(node.input) - {""} <= produced, "a node reads only what is there already"
        produced |= set(node.output)
