"""What one network loses against another."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import DataError, UsageError, VerificationError
from spl_onnx.measure.compare import Comparison, check_drop, choose_metric, compare, truth_of
from spl_onnx.measure.confidence import Confidence
from spl_onnx.measure.metrics import TABLE
from tests.measure.test_accuracy import reader_of, same

X = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2, 0, 1]]


def turned(feeds):
    """Wrong about every sample whose first value is set."""
    x = feeds["x"].copy()
    wrong = x[:, 0] == 1
    x[wrong] = x[wrong][:, ::-1]
    return [x]


def test_drop_agreement_and_interval(tmp_path):
    labels = [0, 1, 2, 0, 1, 2, 0, 0]
    result = compare(same, turned, reader_of(tmp_path, X, labels))
    assert (result.metric, result.images) == ("top1", 8)
    assert result.before == pytest.approx(7 / 8) and result.after == pytest.approx(4 / 8)
    assert result.drop == pytest.approx(3 / 8)
    assert result.interval[0] <= 3 / 8 <= result.interval[1]
    assert result.extras["agreement"] == pytest.approx(5 / 8)
    assert result.extras["top5_before"] == result.extras["top5_after"] == 1
    assert result.extras["largest_difference"] == 1


def test_the_interval_is_paired(tmp_path):
    """Only decisions that differ widen it: where both networks are wrong together does not matter."""
    result = compare(turned, turned, reader_of(tmp_path, X, [0, 1, 2, 0, 1, 2, 0, 1]))
    right = compare(same, same, reader_of(tmp_path, X, [0, 1, 2, 0, 1, 2, 0, 1]))
    assert result.before == result.after == pytest.approx(5 / 8) and right.after == 1
    assert result.drop == 0 and result.interval == right.interval
    low, high = result.interval
    assert low == -high < 0, "8 samples without a difference are no proof of 0"


def test_values_that_are_no_decisions_are_resampled(tmp_path):
    result = compare(same, same, reader_of(tmp_path, X), "mse")
    assert result.interval == (0, 0) and result.confidence.upper == 0


def test_without_labels_the_original_is_the_truth(tmp_path):
    result = compare(same, turned, reader_of(tmp_path, X))
    assert (result.metric, result.before) == ("agreement", 1)
    assert result.drop == pytest.approx(3 / 8)


@pytest.mark.parametrize(("metric", "before", "drop"), [("mse", 0, 3 / 8 * 2), ("cosine", 1, 3 / 8)])
def test_other_metrics(tmp_path, metric, before, drop):
    result = compare(same, turned, reader_of(tmp_path, X), metric)
    assert result.before == before and result.drop == pytest.approx(drop)


def test_psnr_against_reference_outputs_and_against_the_original(tmp_path):
    x = np.full((4, 3), 0.5, np.float32)

    def noisy(feeds):
        return [feeds["x"] + np.float32(0.1)]

    with_truth = compare(same, noisy, reader_of(tmp_path, x, x + np.float32(0.01)))
    assert with_truth.metric == "psnr" and with_truth.before == pytest.approx(40, abs=0.01)
    assert with_truth.drop == pytest.approx(40 - 20 - 20 * np.log10(1 / 0.9), abs=0.01)
    without = compare(same, noisy, reader_of(tmp_path, x), "psnr")
    assert without.before is None and without.drop == pytest.approx(0.1, rel=1e-5)


def test_automatic_metric():
    classes, image = np.zeros((2, 3)), np.zeros((2, 1, 4, 4))
    assert choose_metric("auto", np.zeros(2, int), classes).name == "top1"
    assert choose_metric("auto", None, classes).name == "agreement"
    assert choose_metric("auto", None, image).name == "mse"
    assert choose_metric("auto", image, image).name == "psnr"


def test_metrics_that_cannot_be(tmp_path):
    with pytest.raises(UsageError, match="--metric: got 'top2', wanted one of top1, agreement"):
        compare(same, same, reader_of(tmp_path, X), "top2")
    with pytest.raises(DataError, match="--metric top1 needs class labels"):
        compare(same, same, reader_of(tmp_path, X), "top1")


def test_networks_with_other_outputs(tmp_path):
    with pytest.raises(DataError, match=r"differ in their first output: \[4, 3\] and \[4, 2\]"):
        compare(same, lambda feeds: [feeds["x"][:, :2]], reader_of(tmp_path, X))


@pytest.mark.parametrize(
    ("metric", "labels", "wanted"),
    [
        ("top1", np.array([0, 1]), "labels"),
        ("agreement", np.array([0, 1]), "outputs"),
        ("agreement", None, "outputs"),
        ("mse", np.ones((2, 3)), "outputs"),
        ("psnr", np.ones((2, 3)), "labels"),
        ("psnr", np.array([0, 1]), "outputs"),
        ("psnr", None, "outputs"),
    ],
)
def test_what_outputs_are_measured_against(metric, labels, wanted):
    """Labels where the metric is one of labels; class numbers are no images to compare with."""
    outputs = np.zeros((2, 3))
    found = truth_of(TABLE[metric], labels, outputs)
    assert found is (labels if wanted == "labels" else outputs)


@pytest.mark.parametrize(
    ("drop", "within"), [(0.1 + 0.2 - 0.3 + 0.01, True), (-1.0, True), (0.0101, False), (np.nan, False)]
)
def test_a_drop_equal_to_the_limit_is_within_it(drop, within):
    known = Comparison("top1", 0.9, 0.8, Confidence(drop, 10, (drop, drop), drop, float))
    assert known.is_within(0.01) == within


def comparison(drop, expected=None, interval=(0.0, 0.1)):
    known = Confidence(drop, 200, interval, 0.1, lambda images: 0.1)
    return Comparison("top1", 0.9, 0.9 - drop, known, expected=expected)


def test_the_limit_itself_is_allowed():
    check_drop(comparison(0.1 + 0.2 - 0.2), 0.1)
    check_drop(comparison(-0.5), 0.0)


@pytest.mark.parametrize("drop", [0.015, float("nan"), float("inf")])
def test_what_is_above_the_limit(drop):
    with pytest.raises(VerificationError, match=r"top1 on 200 samples went from 0.9"):
        check_drop(comparison(drop), 0.01)


@pytest.mark.parametrize(
    ("drop", "expected", "interval", "counted", "likely"),
    [
        (0.016, 0.003, (-0.01, 0.04), False, True),  # 4 of 250 are luck
        (0.000, 0.012, (-0.01, 0.01), True, False),  # scores got less clear than the limit allows
        (0.060, 0.003, (0.02, 0.10), False, False),  # 15 of 250 are not
        (0.016, None, (-0.01, 0.04), False, False),  # a metric that expects nothing counts
        (0.000, float("nan"), (0.0, 0.0), True, False),
    ],
)
def test_a_limit_of_the_likely_drop(drop, expected, interval, counted, likely):
    known = comparison(drop, expected, interval)
    assert (known.is_within(0.01), known.is_likely_within(0.01)) == (counted, likely)
    for by_expectation, within in ((False, counted), (True, likely)):
        if within:
            check_drop(known, 0.01, by_expectation)
        else:
            with pytest.raises(VerificationError, match="--max-drop"):
                check_drop(known, 0.01, by_expectation)


def test_what_scores_lead_to_expect(tmp_path):
    labels = [0, 1, 2, 0, 1, 2, 0, 1]
    assert compare(same, same, reader_of(tmp_path, X, labels)).expected == 0.0
    lost = compare(same, turned, reader_of(tmp_path, X, labels))
    assert lost.expected == pytest.approx(3 / 8, abs=0.02), "three clear decisions of eight"
    assert compare(same, turned, reader_of(tmp_path, X)).expected is None, "nobody knows what is right"
