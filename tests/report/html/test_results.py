"""Accuracy, time and work before and after."""

from __future__ import annotations

from tests.report.html.reports import Reader, bare, drawn, full


def words(name, report):
    return " ".join(Reader(drawn(name, report)).words[name].split())


def test_accuracy():
    shown = words("accuracy", full())
    for part in (
        "top1 75.75 % 75.50 % 0.25 points -0.10 to 0.60 points",
        "top5 95.00 % 94.50 % 0.50 points -",
        "agreement - 98.00 % 2.00 points -",
        "On 400 samples, the same for both models; the search has seen 200 others.",
        "the true drop is below 0.55 points, within the limit of 1.00 points.",
    ):
        assert part in shown
    unchanged = full() | {"rewritten": 0}
    assert "both are the same model" in words("accuracy", unchanged)
    assert "Not measured: there was no data" in words("accuracy", bare())


def test_accuracy_without_what_newer_reports_hold():
    report = full()
    for key in ("confidence_upper", "interval", "top5_after", "agreement"):
        del report["accuracy"][key]
    report["search"]["images"] = 32
    shown = words("accuracy", report)
    assert "top1 75.75 % 75.50 % 0.25 points - " in shown and "top5" not in shown
    assert shown.endswith("the same for both models.")


def test_work_at_three_prices():
    made, shown = drawn("work", full()), words("work", full())
    for part in (
        "before 3.00 GFLOP - 3.00 GFLOP -",
        "at a quarter 1.00 GFLOP 200.00 MFLOP 1.20 GFLOP 60.0 %",
        "in full 1.00 GFLOP 800.00 MFLOP 1.80 GFLOP 40.0 %",
        "not counted 1.00 GFLOP 0 FLOP 1.00 GFLOP 66.7 %",
        "500.00 MFLOP (50.0 %) has an input that is zero",
    ):
        assert part in shown
    assert "width:33.33%" in made and "width:6.67%" in made


def test_work_that_is_not_known():
    assert "shapes of the model are not all known" in words("work", bare())
    report = full()
    report["flops"] |= {"selected": None, "reduction": None}
    assert "The original takes 3.00 GFLOP a sample, the predictor 200.00 MFLOP" in words("work", report)


def test_work_without_prediction():
    report = full()
    free = {"predictor": 0, "reduction": 0.1}
    report["flops"] |= {**free, "predictor_full_price": free, "predictor_free": free, "zero_inputs": 0.0}
    shown = words("work", report)
    assert (
        "now, nothing is predicted" in shown and "quarter" not in shown and "input that is zero" not in shown
    )


def test_time():
    shown = words("time", full())
    for part in (
        "original 10.0 ms now 4.00 ms",
        "2 threads, noise 1.0 %",
        "lossless 1 4.00 ms 2.00 ms 2.00 x",
        "predicted 2 5.00 ms 2.50 ms 2.00 x",
        "left dense 1 1.00 ms 1.00 ms 1.00 x",
    ):
        assert part in shown


def test_times_of_batches_say_so():
    report = full()
    assert "Both in turn, sample by sample" in words("time", report)
    report["search"] |= {"time_batch": 8, "timed_images": 32}
    assert "Both in turn, in batches of 8, 32 samples" in words("time", report)


def test_time_that_was_not_gained_or_not_measured():
    report = full()
    report["search"] |= {"faster": False, "note": "nothing worth converting: ORT is quick", "timed_images": 4}
    shown = words("time", report)
    assert "Nothing worth converting: ORT is quick." in shown and "best found" in shown
    assert "4 samples" in shown and "predicted" not in shown
    assert "Not measured: times are measured with --data" in words("time", bare())
    asked = bare() | {"settings": {"objective": "none"}}
    assert "the choices were not made by time" in words("time", asked)
