"""A model above 2 GB: the limit of protobuf, so weights are in a file and checks go by path."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.external_data import ALIGNMENT
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import Net

ROWS, COLUMNS = 8192, 65536 + 4096
BYTES = ROWS * COLUMNS * 4


def large_model(folder) -> str:
    """A small convolution beside a table of 2.1 GiB whose file is a hole."""
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 3, 8, 8]), "c", 4, 3)], "y")
    made.node("Gather", ["table", made.input("i", [2], TensorProto.INT64)], "row")
    table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[ROWS, COLUMNS])
    table.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "big.data"), ("offset", "0"), ("length", str(BYTES))):
        table.external_data.add(key=key, value=value)
    made.initializers.append(table)
    with (folder / "big.data").open("wb") as file:
        file.truncate(BYTES)
        file.seek(4 * COLUMNS)
        file.write(np.float32([7]).tobytes())
    graph = made.graph("y", "row")
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("y", 1, [1, 4, 6, 6]))
    graph.output.append(helper.make_tensor_value_info("row", 1, [2, COLUMNS]))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "big.onnx"
    path.write_bytes(model.SerializeToString())
    return str(path)


@pytest.mark.slow
def test_above_two_gigabytes(tmp_path):
    assert BYTES > 2**31
    free = os.statvfs(tmp_path)
    if free.f_bavail * free.f_frsize < 3 * BYTES:
        pytest.skip("needs 7 GB of free disk")
    result = rewrite_model(large_model(tmp_path), RewriteOptions(rules="all"))
    assert result.plan.counts() == {"conv_relu": 1}
    assert result.report["verification"]["checker"] == "passed"
    result.save(tmp_path / "out.onnx")
    onnx.checker.check_model(str(tmp_path / "out.onnx"))
    bare = onnx.load(tmp_path / "out.onnx", load_external_data=False)
    table = next(t for t in bare.graph.initializer if t.name == "table")
    info = {entry.key: entry.value for entry in table.external_data}
    assert int(info["length"]) == BYTES
    assert int(info["offset"]) % ALIGNMENT == 0
    with (tmp_path / info["location"]).open("rb") as file:
        file.seek(int(info["offset"]) + 4 * COLUMNS)
        assert np.frombuffer(file.read(4), np.float32)[0] == 7
