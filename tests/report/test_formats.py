"""Numbers as text."""

import pytest

from spl_onnx.report.formats import metric_drop, metric_value, milliseconds, operations, percent, size


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (0.0, "0 ms"),
        (1234.5, "1234 ms"),
        (50.61, "50.6 ms"),
        (5.0, "5.00 ms"),
        (0.08951, "0.0895 ms"),
        (0.000123, "0.0001 ms"),
    ],
)
def test_milliseconds(value, text):
    assert milliseconds(value) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("top1", 0.0123, "1.23 points"),
        ("agreement", -0.01, "-1.00 points"),
        ("mse", 0.00001234, "1.234e-05"),
        ("top1", None, None),
    ],
)
def test_metric_drop(name, value, text):
    assert metric_drop(name, value) == text
