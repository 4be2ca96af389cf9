"""Names of choices."""

from spl_onnx.options import CHOICES
from spl_onnx.report.html.choices import NAMES, choice_of, kept_ratio
from tests.report.html.reports import site


def test_every_choice_has_its_name():
    assert set(NAMES) == set(CHOICES)


def test_unknown_choices_are_dense():
    assert choice_of(site(choice="predict")) == "predict"
    assert choice_of(site(choice='"><script>')) == "dense" and choice_of({}) == "dense"


def test_kept_ratio_of_predicted_sites():
    assert kept_ratio(site(choice="predict", settings={"keep": 0.25})) == 0.25
    assert kept_ratio(site(choice="predict")) is None
    assert kept_ratio(site(choice="dense", settings={"keep": 0.25})) is None
