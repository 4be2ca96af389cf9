"""ONNX test data sets."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from spl_onnx.data.inputs import InputSpec
from spl_onnx.data.sources import open_data
from spl_onnx.data.testsets import TestSetReader
from spl_onnx.errors import DataError
from tests.data.specs import IMAGE_SPEC, VECTOR_SPEC

TWO = [VECTOR_SPEC, InputSpec("n", np.dtype(np.int64), ())]


def write_set(folder, *arrays):
    folder.mkdir()
    for i, array in enumerate(arrays):
        onnx.save_tensor(numpy_helper.from_array(array), folder / f"input_{i}.pb")


def vector(value):
    return np.full((2, 4), value, np.float32)


def test_inputs_by_number_and_sets_by_number(tmp_path):
    for i in (0, 2, 10):
        write_set(tmp_path / f"test_data_set_{i}", vector(i), np.array(i, np.int64))
    reader = open_data(tmp_path, TWO)
    got = [(f["v"][0, 0], int(f["n"])) for f in iter(reader.get_next, None)]
    assert got == [(0, 0), (2, 2), (10, 10)] and len(reader) == 3


def test_a_single_set(tmp_path):
    write_set(tmp_path / "test_data_set_3", vector(3))
    reader = open_data(tmp_path / "test_data_set_3", [VECTOR_SPEC])
    assert reader.get_next()["v"][0, 0] == 3 and reader.last_labels is None


def test_missing_and_broken_tensors(tmp_path):
    write_set(tmp_path / "test_data_set_0", vector(0))
    with pytest.raises(DataError, match=r"input_1\.pb: not found"):
        open_data(tmp_path, TWO).get_next()
    (tmp_path / "test_data_set_0" / "input_1.pb").write_bytes(b"\xff\xff nonsense")
    with pytest.raises(DataError, match=r"input_1\.pb: cannot be read as an ONNX tensor"):
        open_data(tmp_path, TWO).get_next()


def test_wrong_shape(tmp_path):
    write_set(tmp_path / "test_data_set_0", np.zeros((2, 5), np.float32))
    with pytest.raises(DataError, match=r"got float32 \[2, 5\], wanted float32 \[\?, 4\]"):
        open_data(tmp_path, [VECTOR_SPEC]).get_next()


@pytest.mark.parametrize("fields", [{"dims": [-1, 3, 8, 8]}, {"dims": [1 << 40, 3, 8, 8]}, {"data_type": 33}])
def test_tensors_that_lie(tmp_path, fields):
    folder = tmp_path / "test_data_set_0"
    folder.mkdir()
    tensor = numpy_helper.from_array(np.zeros((1, 3, 8, 8), np.float32))
    for name, value in fields.items():
        if name == "dims":
            tensor.dims[:] = value
        else:
            setattr(tensor, name, value)
    (folder / "input_0.pb").write_bytes(tensor.SerializeToString())
    with pytest.raises(DataError, match="do not belong together"):
        TestSetReader([folder], [IMAGE_SPEC]).get_next()


def test_tensors_with_their_values_elsewhere(tmp_path):
    """A test set that names any file of the machine as its data."""
    folder = tmp_path / "test_data_set_0"
    folder.mkdir()
    tensor = onnx.TensorProto(data_type=1, dims=[1, 3, 8, 8], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/hostname")
    (folder / "input_0.pb").write_bytes(tensor.SerializeToString())
    with pytest.raises(DataError, match="wanted a tensor with its values in it"):
        TestSetReader([folder], [IMAGE_SPEC]).get_next()
