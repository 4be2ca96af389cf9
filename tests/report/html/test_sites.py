"""Names of choices."""

from spl_onnx.options import Choice
from spl_onnx.report.html.sites import NAMES, Layer


def test_every_choice_has_its_name():
    assert set(NAMES) == set(Choice)


def test_unknown_choices_are_dense():
    assert Layer(choice="predict").kind == "predict"
    assert Layer(choice='"><script>').kind == "dense" and Layer().kind == "dense"


def test_way_of_a_layer():
    assert Layer(choice="predict", settings={"predictor": "int8"}).way == "int8"
    assert Layer(choice="int8", settings={"precision": "int8_winograd"}).way == "int8_winograd"
    assert Layer(choice="lossless").way is Layer(choice="int8").way is None


def test_kept_ratio_of_predicted_sites():
    assert Layer(choice="predict", settings={"keep": 0.25}).keep == 0.25
    assert Layer(choice="predict").keep is None
    assert Layer(choice="dense", settings={"keep": 0.25}).keep is None
