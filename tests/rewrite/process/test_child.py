"""What the child process does, called in this process."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from spl_onnx.errors import PluginError
from spl_onnx.rewrite.process.child import Job, answer, execute, one_line
from tests.rewrite.builders import Net


def relu() -> bytes:
    made = Net()
    made.node("Relu", [made.input("x", [3])], "y")
    made.node("Neg", ["y"], "z")
    return made.model("y", "z").SerializeToString()


X = {"x": np.float32([-1, 0, 2])}


def test_outputs_of_every_run():
    runs = execute(Job(relu(), X, repeat=2))
    assert [[value.tolist() for value in run] for run in runs] == [[[0, 0, 2], [0, 0, -2]]] * 2


def test_runs_that_take_long_are_repeated_once():
    assert len(execute(Job(relu(), X, repeat=5, seconds=0.0))) == 2
    assert len(execute(Job(relu(), X, repeat=1, seconds=0.0))) == 1


def test_some_outputs():
    assert [len(run) for run in execute(Job(relu(), X, outputs=("z",)))] == [1]


@pytest.mark.parametrize("optimised", [True, False])
def test_with_and_without_optimisations(optimised):
    assert execute(Job(relu(), X, optimised=optimised))[0][0].tolist() == [0, 0, 2]


def test_sequences_and_strings_become_arrays():
    made = Net()
    made.node("SplitToSequence", [made.input("x", [4]), made.const("n", np.array([1, 3]))], "parts")
    made.input("text", [2], TensorProto.STRING)
    made.node("Identity", ["text"], "same")
    outputs = [
        helper.make_tensor_sequence_value_info("parts", TensorProto.FLOAT, None),
        helper.make_tensor_value_info("same", TensorProto.STRING, [2]),
    ]
    graph = helper.make_graph(made.nodes, "net", made.inputs, outputs, made.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    feeds = {"x": np.arange(4, dtype=np.float32), "text": np.array(["a", "bc"], object)}
    parts, same = execute(Job(model.SerializeToString(), feeds))[0]
    assert parts.tolist() == [0, 1, 2, 3]
    assert same.dtype.kind == "U" and same.tolist() == ["a", "bc"]


def test_failures_are_answers(monkeypatch):
    assert "protobuf" in answer(Job(b"no model", X)).problem
    assert answer(Job(relu(), X)).problem == ""
    import spl_onnx.plugin

    def missing(options):
        raise PluginError("not built")

    monkeypatch.setattr(spl_onnx.plugin, "register", missing)
    got = answer(Job(relu(), X, plugin=True))
    assert got.unusable and got.problem == "not built"


def test_errors_in_one_line():
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(ValueError()) == "ValueError"
