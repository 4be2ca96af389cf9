"""Small networks for tests of the rewriter, and the comparison of two models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.result import RewriteResult
from spl_onnx.rewrite.sites.plan import SitePlan
from spl_onnx.rewrite.verification.verify import difference
from spl_onnx.steps import rewrite_model

EPS = float(np.finfo(np.float32).eps)
#: Dot products of the small networks are at most this long; rounding errors of a sum grow with its length.
LONGEST_SUM = 200
TOLERANCE = EPS * LONGEST_SUM


class Net:
    """A graph that is built node by node. Numbers are seeded by the order of calls."""

    def __init__(self, opset: int = 17, ir_version: int = 8, seed: int = 0) -> None:
        self.opset, self.ir_version = opset, ir_version
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int | str | None], kind: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def const(self, name: str, value: Any) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def random(self, name: str, *shape: int) -> str:
        return self.const(name, self.rng.standard_normal(shape).astype(np.float32))

    def node(self, op: str, inputs: Sequence[str], output: str | Sequence[str], **attrs: Any) -> str:
        outputs = [output] if isinstance(output, str) else list(output)
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=f"{outputs[0]}_node", **attrs))
        return outputs[0]

    def conv(self, x: str, output: str, o: int, c: int, *kernel: int, bias: bool = True, **attrs: Any) -> str:
        names = [x, self.random(f"{output}.w", o, c, *(kernel or (3, 3)))]
        if bias:
            names.append(self.random(f"{output}.b", o))
        return self.node("Conv", names, output, **attrs)

    def norm(self, x: str, output: str, channels: int, **attrs: Any) -> str:
        names = [x, *(self.random(f"{output}.{part}", channels) for part in ("scale", "shift", "mean"))]
        names.append(self.const(f"{output}.var", self.rng.uniform(0.5, 2.0, channels).astype(np.float32)))
        return self.node("BatchNormalization", names, output, **attrs)

    def graph(self, *outputs: str, name: str = "net") -> onnx.GraphProto:
        infos = [helper.make_tensor_value_info(out, TensorProto.FLOAT, None) for out in outputs]
        return helper.make_graph(self.nodes, name, self.inputs, infos, self.initializers)

    def model(self, *outputs: str) -> onnx.ModelProto:
        return self._model(self.graph(*outputs))

    def broken(self, *outputs: str) -> onnx.ModelProto:
        """A model that shape inference may refuse."""
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(self.graph(*outputs), opset_imports=opsets, ir_version=self.ir_version)

    def _model(self, graph: onnx.GraphProto) -> onnx.ModelProto:
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self.ir_version)
        inferred = onnx.shape_inference.infer_shapes(model)
        del model.graph.output[:]
        model.graph.output.extend(inferred.graph.output)
        return model

    def in_if(self, output: str, rank: int = 4) -> onnx.ModelProto:
        """The same nodes inside the then-branch of an If; weights and input come from outside."""
        body = helper.make_graph(self.nodes, "then", [], [helper.make_tensor_value_info(output, 1, None)])
        other = helper.make_node("Neg", ["fallback"], ["else_out"], name="neg")
        orelse = helper.make_graph([other], "else", [], [helper.make_tensor_value_info("else_out", 1, None)])
        node = helper.make_node("If", ["cond"], ["y"], name="choose", then_branch=body, else_branch=orelse)
        inputs = [*self.inputs, helper.make_tensor_value_info("cond", TensorProto.BOOL, [])]
        fallback = numpy_helper.from_array(np.ones((1,) * rank, np.float32), "fallback")
        outputs = [helper.make_tensor_value_info("y", 1, None)]
        return self._model(helper.make_graph([node], "net", inputs, outputs, [*self.initializers, fallback]))


def rewritten(model: onnx.ModelProto, **options: Any) -> RewriteResult:
    """Rewrite with every rule unless `options` say otherwise."""
    return rewrite_model(model, RewriteOptions(**{"rules": "all", **options}))


def only(result: RewriteResult, rule: str) -> SitePlan:
    """The one entry of the plan, which must be a rewritten site of `rule`."""
    done = [site for site in result.plan.sites if site.is_rewritten]
    assert [site.rule for site in done] == [rule], [(s.site, s.rule, s.reason) for s in result.plan.sites]
    return done[0]


def reason(model: onnx.ModelProto, **options: Any) -> str:
    """Why the first candidate of `model` is left alone; the outputs of the model may have other types."""
    site = rewritten(model, **{"no_verify": True, **options}).plan.sites[0]
    assert site.choice == "dense", site
    return site.reason


def run(model: onnx.ModelProto, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Outputs in plain ONNX Runtime, without the library."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def assert_same(model: onnx.ModelProto, result: RewriteResult, feeds: dict[str, NDArray[Any]]) -> None:
    """The rewritten model computes the same without the library, and is valid."""
    onnx.checker.check_model(result.model, full_check=True)
    for got, expected in zip(run(result.model, feeds), run(model, feeds), strict=True):
        assert np.abs(expected).max() > 0, "a comparison of zeros proves nothing"
        assert difference(got, expected) <= TOLERANCE


def ops(model: onnx.ModelProto | onnx.GraphProto) -> list[str]:
    """Operator types of the top-level nodes, sorted."""
    graph = model.graph if isinstance(model, onnx.ModelProto) else model
    return sorted(node.op_type for node in graph.node)


def images(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
