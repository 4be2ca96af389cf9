"""Small networks of every shape that is cut into segments, with inputs for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper

from spl_onnx.data.reader import Feeds
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import NOTHING_SET, numbers
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.sites.plan import Plan
from spl_onnx.search.budget.search import predicted_everywhere
from spl_onnx.search.settings import Config
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net, images
from tests.small_models import small_cnn

SAME = {"pads": [1, 1, 1, 1]}
IMAGE = ("N", 3, 8, 8)


def relu_conv(net: Net, x: str, output: str, o: int, c: int, *kernel: int, **attrs) -> str:
    """Conv and ReLU: the site `output`. Weights are small enough to keep values near 1."""
    net.conv(x, f"{output}.c", o, c, *kernel, **attrs)
    for tensor in net.initializers[-2:]:
        values = onnx.numpy_helper.to_array(tensor) / np.sqrt(max(np.prod(tensor.dims[1:]), 1))
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), tensor.name))
    return net.node("Relu", [f"{output}.c"], output)


def head(net: Net, x: str, channels: int) -> onnx.ModelProto:
    """Mean over the image and a matrix behind it: 5 scores in `logits`."""
    net.node("GlobalAveragePool", [x], "mean")
    net.node("Flatten", ["mean"], "flat")
    net.node("Gemm", ["flat", net.random("head.w", channels, 5)], "logits")
    return net.model("logits")


def sequential() -> onnx.ModelProto:
    """Sites `pooled`, `second`, `hidden`."""
    return small_cnn()


def wide() -> onnx.ModelProto:
    """Sites `one`, `two`, `three`; the last two suit Winograd's convolution in 8 bits."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "one", 8, 3, **SAME)
    relu_conv(net, "one", "two", 8, 8, **SAME)
    relu_conv(net, "two", "three", 8, 8, **SAME)
    return head(net, "three", 8)


def residual() -> onnx.ModelProto:
    """Sites `a`, `b`, `sum` (adds a) and `last`; `a` is read twice."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 6, 3, **SAME)
    relu_conv(net, "a", "b", 6, 6, **SAME)
    net.conv("b", "c", 6, 6, **SAME)
    net.node("Add", ["c", "a"], "plus")
    net.node("Relu", ["plus"], "sum")
    relu_conv(net, "sum", "last", 4, 6, **SAME)
    return head(net, "last", 4)


def itself_added() -> onnx.ModelProto:
    """Site `sum` = relu(conv(a) + a) reads one tensor as input and as residual."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 6, 3, **SAME)
    net.conv("a", "c", 6, 6, **SAME)
    net.node("Add", ["c", "a"], "plus")
    net.node("Relu", ["plus"], "sum")
    return head(net, "sum", 6)


def branches() -> onnx.ModelProto:
    """An inception block: sites `left`, `right.1`, `right.2`, `stem` and `last`, a Concat, pooling."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "stem", 6, 3, **SAME)
    relu_conv(net, "stem", "left", 3, 6, 1, 1)
    relu_conv(net, "stem", "right.1", 4, 6, 1, 1)
    relu_conv(net, "right.1", "right.2", 5, 4, **SAME)
    net.node("MaxPool", ["stem"], "pool", kernel_shape=[3, 3], **SAME)
    net.node("Concat", ["left", "right.2", "pool"], "joined", axis=1)
    relu_conv(net, "joined", "last", 4, 14, **SAME)
    return head(net, "last", 4)


def pooled_branches() -> onnx.ModelProto:
    """Sites `left` and `right`, whose pooling moves above the Concat, and `last`."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "left", 4, 3, **SAME)
    relu_conv(net, "input", "right", 4, 3, **SAME)
    net.node("Concat", ["left", "right"], "joined", axis=1)
    net.node("MaxPool", ["joined"], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    relu_conv(net, "pooled", "last", 4, 8, **SAME)
    return head(net, "last", 4)


def matrices() -> onnx.ModelProto:
    """A perceptron on rows of rank 3: sites `one` (MatMul) and `two` (Gemm)."""
    net = Net()

    def small(name: str, *shape: int) -> str:
        return net.const(name, (net.rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32))

    net.node("MatMul", [net.input("input", ["N", 4, 6]), small("m.w", 6, 8)], "m")
    net.node("Add", ["m", small("m.b", 8)], "mb")
    net.node("Relu", ["mb"], "one")
    net.node("Flatten", ["one"], "flat")
    net.node("Gemm", ["flat", small("g.w", 32, 7), small("g.b", 7)], "g")
    net.node("Relu", ["g"], "two")
    net.node("Gemm", ["two", small("h.w", 7, 5)], "logits")
    return net.model("logits")


def grouped() -> onnx.ModelProto:
    """Sites `a` and `b` (two groups, strides and dilations)."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 4, 3, **SAME)
    relu_conv(net, "a", "b", 6, 2, group=2, strides=[2, 1], dilations=[1, 2], pads=[1, 2, 1, 2])
    return head(net, "b", 6)


def without_activation() -> onnx.ModelProto:
    """Site `plain` is a convolution alone, between `a` and `last`: it can be moved and no more."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 4, 3, **SAME)
    net.conv("a", "plain", 4, 4, 1, 1)
    relu_conv(net, "plain", "last", 4, 4, **SAME)
    return head(net, "last", 4)


def outer_reads() -> onnx.ModelProto:
    """Bodies of an If that read tensors made two sites earlier, and a site behind it."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 4, 3, **SAME)
    relu_conv(net, "a", "b", 4, 4, **SAME)
    bodies = []
    for name, read in (("then", ["b", "a"]), ("else", ["b", "two"])):
        node = helper.make_node("Mul", read, [f"{name}_out"], name=name)
        info = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None)
        bodies.append(helper.make_graph([node], name, [], [info]))
    net.const("two", np.float32(2))
    net.node("ReduceMax", ["input"], "largest", keepdims=0)
    net.node("Greater", ["largest", net.const("limit", np.float32(3))], "is_large")
    net.node("If", ["is_large"], "chosen", then_branch=bodies[0], else_branch=bodies[1])
    relu_conv(net, "chosen", "last", 4, 4, **SAME)
    return head(net, "last", 4)


def site_in_a_body() -> onnx.ModelProto:
    """Site `inner` inside a body, between the sites `a` and `last` of the main graph."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 4, 3, **SAME)
    weight, bias = net.random("inner.w", 4, 4, 1, 1), net.random("inner.b", 4)
    info = helper.make_tensor_value_info("inner", TensorProto.FLOAT, ["N", 4, 8, 8])
    then = helper.make_graph(
        [
            helper.make_node("Conv", ["a", weight, bias], ["inner.c"], "inner.conv"),
            helper.make_node("Relu", ["inner.c"], ["inner"], "inner.relu"),
        ],
        "then",
        [],
        [info],
    )
    other = helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 4, 8, 8])
    orelse = helper.make_graph([helper.make_node("Neg", ["a"], ["other"], "neg")], "else", [], [other])
    net.node("If", [net.const("yes", np.array(True))], "chosen", then_branch=then, else_branch=orelse)
    relu_conv(net, "chosen", "last", 4, 4, **SAME)
    return head(net, "last", 4)


def several_outputs() -> onnx.ModelProto:
    """Outputs `logits`, `a` (read inside too), a constant and the input; a node that nobody reads."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 4, 3, **SAME)
    net.nodes.append(helper.make_node("Constant", [], ["half"], "half_node", value_float=0.5))
    net.node("Neg", ["a"], "unread")
    relu_conv(net, "a", "b", 4, 4, **SAME)
    net.node("Mul", ["b", "half"], "halved")
    relu_conv(net, "halved", "last", 4, 4, **SAME)
    model = head(net, "last", 4)
    known = {v.name: v for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    half = helper.make_tensor_value_info("half", TensorProto.FLOAT, [])
    model.graph.output.extend([known["a"], half])
    return model


def own_function() -> onnx.ModelProto:
    """A function of the model itself between the sites `a` and `last`."""
    net = Net()
    relu_conv(net, net.input("input", IMAGE), "a", 4, 3, **SAME)
    net.nodes.append(helper.make_node("Halve", ["a"], ["half"], "halve", domain="own"))
    relu_conv(net, "half", "last", 4, 4, **SAME)
    net.node("Flatten", ["last"], "logits")
    opsets = [helper.make_opsetid("", net.opset), helper.make_opsetid("own", 1)]
    body = [
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Div", ["x", "two"], ["y"]),
    ]
    function = helper.make_function("own", "Halve", ["x"], ["y"], body, opsets[:1])
    graph = net.graph("logits")
    model = helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def no_site() -> onnx.ModelProto:
    """Nothing to convert."""
    net = Net()
    net.input("input", IMAGE)
    return head(net, "input", 3)


NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    make.__name__: make
    for make in (
        *(sequential, residual, itself_added, branches, pooled_branches, matrices, grouped),
        without_activation,
        *(outer_reads, site_in_a_body, several_outputs, own_function, no_site),
    )
}


def feeds(model: onnx.ModelProto, *sizes: int) -> list[Feeds]:
    """A batch of random inputs for each size."""
    dims = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    return [{"input": images(size, *dims, seed=seed)} for seed, size in enumerate(sizes)]


def base(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every site predicted, as searches start from."""
    return predicted_everywhere(read_model(model), RewriteOptions())


def configured(model: onnx.ModelProto, config: Config, shifts=None) -> onnx.ModelProto:
    """The model rewritten by a plan with the settings of a configuration and shifts; others lossless."""
    plan = rewrite_model(model, RewriteOptions(rules="all", dry_run=True)).plan
    for entry in plan.sites:
        if not entry.is_rewritten:
            continue
        entry.choice, entry.settings = "lossless", NOTHING_SET
        if entry.site in config:
            config[entry.site].apply(entry)
        if shifts and entry.site in shifts:
            entry.choice = "truncate" if entry.choice == "lossless" else entry.choice
            entry.settings = replace(entry.settings, shift=numbers(shifts[entry.site]))
    return rewrite_model(model, RewriteOptions(no_verify=True), Plan.from_json(plan.to_json())).model
