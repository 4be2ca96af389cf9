"""Numbers as text."""

import pytest

from spl_onnx.report.formats import metric_value, operations, percent, size


@pytest.mark.parametrize(
    ("value", "text"), [(None, None), (0.1234, "12.3 %"), (0, "0.0 %"), (-0.426, "-42.6 %"), (1.0, "100.0 %")]
)
def test_percent(value, text):
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, None), (0, "0 FLOP"), (1500, "1.50 kFLOP"), (3.2e6, "3.20 MFLOP"), (7e12, "7000.00 GFLOP")],
)
def test_operations(value, text):
    assert operations(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, None), (12, "12 B"), (1000, "1.00 kB"), (2_500_000_000, "2.50 GB")]
)
def test_size(value, text):
    assert size(value) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("top1", 0.5, "50.00 %"),
        ("top5", 0.987, "98.70 %"),
        ("agreement", 1.0, "100.00 %"),
        ("psnr", 30.774, "30.774 dB"),
        ("mse", 0.00001234, "1.234e-05"),
        ("cosine", None, None),
    ],
)
def test_metric_value(name, value, text):
    assert metric_value(name, value) == text
