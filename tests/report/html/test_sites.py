"""Names of choices."""

from spl_onnx.options import Choice
from spl_onnx.report.html.sites import NAMES, Site


def test_every_choice_has_its_name():
    assert set(NAMES) == set(Choice)


def test_unknown_choices_are_dense():
    assert Site(choice="predict").kind == "predict"
    assert Site(choice='"><script>').kind == "dense" and Site().kind == "dense"


def test_kept_ratio_of_predicted_sites():
    assert Site(choice="predict", settings={"keep": 0.25}).keep == 0.25
    assert Site(choice="predict").keep is None
    assert Site(choice="dense", settings={"keep": 0.25}).keep is None
