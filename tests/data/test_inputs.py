"""What a model expects, and data that does not fit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.data.inputs import InputSpec, check_array, check_feeds, input_specs, pin_shapes, shape_text
from spl_onnx.errors import DataError
from tests.data.specs import IMAGE_SPEC, VECTOR_SPEC
from tests.small_models import small_cnn


def test_specs_of_a_model():
    assert input_specs(small_cnn()) == [InputSpec("input", np.dtype(np.float32), (None, 3, 8, 8))]
    assert input_specs(small_cnn(batch=2, size="S"))[0].shape == (2, 3, None, None)


def test_initializers_among_the_inputs_are_not_fed():
    w = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [3]) for n in ("x", "w", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", values[:2], values[2:], [w])
    assert [spec.name for spec in input_specs(helper.make_model(graph))] == ["x"]


def test_unknown_rank_takes_any_shape():
    value = helper.make_tensor_value_info("x", TensorProto.INT64, None)
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", [value], [])
    (spec,) = input_specs(helper.make_model(graph))
    assert spec.accepts((2, 3)) and spec.accepts(()) and spec.batch is None
    assert spec.words() == "int64 [any shape]"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 3, 8, 7), np.float32), r"got float32 \[1, 3, 8, 7\], wanted float32 \[\?, 3, 8, 8\]"),
        (np.zeros((3, 8, 8), np.float32), r"got float32 \[3, 8, 8\]"),
        (np.zeros((1, 3, 8, 8), np.float64), r"got float64 \[1, 3, 8, 8\], wanted float32"),
        (np.zeros((0, 3, 8, 8), np.float32), r"got an empty array \[0, 3, 8, 8\]"),
        ([1.0], "got list, wanted a NumPy array"),
    ],
)
def test_arrays_that_do_not_fit(array, message):
    with pytest.raises(DataError, match=message):
        check_feeds({"input": array}, [IMAGE_SPEC], "here")


def test_names_must_be_the_models():
    with pytest.raises(DataError, match=r"here: got arrays \(none\), wanted the model's inputs 'v'"):
        check_feeds({}, [VECTOR_SPEC], "here")


def test_pinned_shapes_leave_the_batch_free():
    spec = InputSpec("a:0", np.dtype(np.float32), (None, 3, None, None))
    (pinned,) = pin_shapes([spec], {"a:0": (1, 3, 32, 16)})
    assert pinned.shape == (None, 3, 32, 16)
    assert pin_shapes([spec], {}) == [spec]


def test_pinned_shapes_must_fit():
    with pytest.raises(DataError, match="got input 'b', wanted one of the model's: input"):
        pin_shapes([IMAGE_SPEC], {"b": (1, 3, 8, 8)})
    with pytest.raises(DataError, match=r"got \[1, 3, 9, 8\], wanted \[\?, 3, 8, 8\]"):
        pin_shapes([IMAGE_SPEC], {"input": (1, 3, 9, 8)})


def test_shapes_as_text():
    assert shape_text((None, 3)) == "[?, 3]"
    assert shape_text(None) == "[any shape]"


def test_sizes_below_zero_are_free():
    model = small_cnn()
    for position in (0, 2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[position].dim_value = -1
    (spec,) = input_specs(model)
    assert spec.shape == (None, 3, None, None)
    assert spec.accepts((2, 3, 5, 7)) and not spec.accepts((2, 4, 5, 7))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [2]), "a sequence"),
        (helper.make_value_info("s", helper.make_optional_type_proto(onnx.TypeProto())), "an optional value"),
        (onnx.ValueInfoProto(name="s"), "a tensor of an unknown type"),
    ],
)
def test_inputs_that_are_no_arrays(value, kind):
    model = small_cnn()
    model.graph.input.append(value)
    spec = input_specs(model)[1]
    assert spec.dtype is None and spec.words() == kind
    with pytest.raises(DataError, match=f"wanted {kind}"):
        check_array(np.zeros((1, 2), np.float32), spec, "data")
