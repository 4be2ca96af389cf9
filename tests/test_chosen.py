"""Rewriting with an accuracy budget, from the data to the report."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from spl_onnx import chosen
from spl_onnx.data import DataOptions
from spl_onnx.data.split import spread
from spl_onnx.errors import DataError, UsageError, VerificationError
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import RewriteOptions
from spl_onnx.pipeline import measured_rewrite, rewrite_and_measure
from spl_onnx.report.build import plain_report
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.search.budget.tries import tries
from tests import datasets
from tests.rewrite.builders import Net, ops
from tests.search.network.networks import SAME, no_site, relu_conv, wide
from tests.search.watches import FakeWatch, PrecisionWatch
from tests.small_models import small_cnn, small_images

FLOAT32 = {"precision": "float32", "no_verify": True}
FLOPS = {"objective": "flops", "predictor": "int8", "no_verify": True}


class Samples:
    """Random images that can be read once.

    Args:
        count: samples.
        batch: of them at a time.
        labels: answers for all of them, or None.
    """

    def __init__(self, count, batch=7, labels=None):
        self.x, self.labels, self.batch = small_images(count), labels, batch
        self.start = 0

    def get_next(self):
        if self.start >= len(self.x):
            return None
        part = slice(self.start, self.start + self.batch)
        self.start += self.batch
        self.last_labels = None if self.labels is None else self.labels[part]
        return {"input": self.x[part]}


@pytest.fixture
def watch(monkeypatch):
    """Predicted nodes are quick and small floors quicker, without a clock."""

    def cost(node):
        floor = next((a.f for a in node.attribute if a.name == "floor"), 0.0)
        times = {"Conv": 10.0, "Gemm": 10.0, "SPLPredict": 1.0, "SRMM": 3.0 - min(2.0, 4 * floor)}
        return times.get(node.op_type, 0.0)

    made = FakeWatch(cost)
    for where in ("budget.attempts", "time.by_time"):
        monkeypatch.setattr(f"spl_onnx.search.{where}.SessionStopwatch", lambda *args: made)
    return made


def decisions(model, x):
    return np.argmax(run(create_session(model), {"input": x})[0], axis=1)


@pytest.mark.parametrize("predictor", ["int8", "pruned", "auto"])
def test_reports_are_complete(plugin_path, tmp_path, predictor):
    options = {**FLOPS, "predictor": predictor, "max_drop": 0.1, "plan_out": str(tmp_path / "plan.json")}
    result = rewrite_and_measure(small_cnn(), Samples(100), options)
    report = json.loads(json.dumps(plain_report(result.report)))
    search, accuracy = report["search"], report["accuracy"]
    assert search["images"] == {"search": 50, "report": 50} and accuracy["images"] == 50
    scheme, share = tries("lagrange")[search["attempt"] - 1]
    assert (search["objective"], search["scheme"]) == ("flops", scheme) and search["path"]
    assert search["budget"] == 0.1 * share and accuracy["drop"] <= 0.1
    assert report["flops"]["reduction"] > 0.1
    again = rewrite_and_measure(small_cnn(), None, {"plan": str(tmp_path / "plan.json")})
    assert again.model.SerializeToString() == result.model.SerializeToString()


def test_accuracy_is_measured_on_samples_that_no_choice_has_seen(plugin_path, monkeypatch):
    seen = {}
    plain_attempts, plain_measure = chosen.attempts, chosen.measure_on

    def attempts(original, options, data, timed, *rest):
        seen["search"] = np.concatenate([feeds["input"] for feeds in data.batches])
        seen["timed"] = np.concatenate([feeds["input"] for feeds in timed])
        return plain_attempts(original, options, data, timed, *rest)

    def measure_on(original, rewritten, options, specs, reader, progress):
        seen["report"] = np.concatenate([feeds["input"] for feeds, _ in reader.batches()])
        return plain_measure(original, rewritten, options, specs, reader, progress)

    monkeypatch.setattr(chosen, "attempts", attempts)
    monkeypatch.setattr(chosen, "measure_on", measure_on)
    result = rewrite_and_measure(small_cnn(), Samples(90), {**FLOPS, "max_drop": 0.05, "search_images": 40})
    names = {part: {x.tobytes() for x in images} for part, images in seen.items()}
    assert [len(names[part]) for part in ("search", "timed", "report")] == [40, 32, 50]
    assert not names["search"] & names["report"] and names["timed"] <= names["search"]
    x = seen["report"]
    changed = np.mean(decisions(result.model, x) != decisions(small_cnn(), x))
    assert result.report["accuracy"]["drop"] == pytest.approx(changed)


@pytest.mark.parametrize("scheme", ["lagrange", "fdos"])
def test_a_loss_on_the_other_samples_leads_to_the_next_try(plugin_path, monkeypatch, scheme):
    """The first models are said to lose everything there, until the budget is smaller."""
    wanted = next(i for i, (_, share) in enumerate(tries(scheme)) if share < 1.0)
    plain, drops = chosen.measure_on, []

    def measure_on(*args):
        found = plain(*args)
        drops.append(found.comparison.drop)
        if len(drops) > wanted:
            return found
        lost = replace(found.comparison.confidence, drop=1.0)
        return replace(found, comparison=replace(found.comparison, confidence=lost))

    monkeypatch.setattr(chosen, "measure_on", measure_on)
    result = rewrite_and_measure(small_cnn(), Samples(100), {**FLOPS, "max_drop": 0.05, "scheme": scheme})
    search = result.report["search"]
    assert (search["attempt"], search["budget"]) == (wanted + 1, 0.025) and len(drops) == wanted + 1
    assert result.report["accuracy"]["drop"] == drops[-1] <= 0.05


def test_what_was_luck_on_the_samples_of_the_search_gives_the_original(plugin_path):
    """There every label is wrong, so that nothing can be lost; on the others each is right."""
    model, count = small_cnn(), 100
    right = decisions(model, Samples(count).x)
    labels = np.where(spread(count, 50), (right + 1) % 5, right)
    options = {**FLOPS, "max_drop": 0.01, "metric": "top1", "predictor": "pruned", "keep": 0.05}
    result = rewrite_and_measure(model, Samples(count, labels=labels), options)
    assert result.model.SerializeToString() == model.SerializeToString()
    assert result.report["accuracy"]["drop"] == 0.0 and result.report["accuracy"]["before"] == 1.0
    assert result.report["search"]["note"] == "nothing worth converting within the budget"
    assert (
        result.report["search"]["attempt"] == len(tries("lagrange")) + 1 and result.report["rewritten"] == 0
    )


@pytest.mark.parametrize("options", [FLOPS, {}])
def test_nothing_found_is_the_original(plugin_path, watch, options, tmp_path):
    model = no_site()
    files = {"json": str(tmp_path / "r.json"), "html": str(tmp_path / "r.html")}
    result = rewrite_and_measure(model, Samples(80), {**options, **files})
    assert result.model.SerializeToString() == model.SerializeToString()
    assert result.report["search"]["note"].startswith("nothing worth converting")
    assert json.loads((tmp_path / "r.json").read_text())["accuracy"]["drop"] == 0.0
    assert "nothing worth converting" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_budget_buys_time(plugin_path, watch):
    """Floors make predicted sites quicker; all of it is in the plan and in the report."""
    result = rewrite_and_measure(small_cnn(), Samples(128), {**FLOAT32, "max_drop": 0.1})
    search = result.report["search"]
    assert search["scheme"] == "lagrange" and search["faster"] and search["cost_unit"] == "time"
    assert search["images"] == {"search": 64, "report": 64}
    assert any(site.settings.floor for site in result.plan.sites)
    assert result.report["accuracy"]["drop"] <= 0.1


@pytest.mark.parametrize("count", [1, 20, 63])
def test_few_samples_are_timed_on_and_nothing_is_given_away(plugin_path, watch, count):
    result = rewrite_and_measure(small_cnn(), Samples(count), {"max_drop": 0.5, "no_verify": True})
    search = result.report["search"]
    assert "scheme" not in search and search["faster"]
    assert result.report["accuracy"]["images"] == count
    assert not any(site.settings.floor for site in result.plan.sites)


def test_few_samples_are_too_few_for_operations():
    with pytest.raises(
        DataError, match=r"fewer than 64 samples, wanted at least 32 to choose .* and 32 others"
    ):
        rewrite_and_measure(small_cnn(), Samples(63), FLOPS)
    with pytest.raises(UsageError, match="--search-images: got 8, wanted at least 32"):
        rewrite_and_measure(small_cnn(), Samples(100), {**FLOPS, "search_images": 8})


class Sizes(Samples):
    """Images of two sizes in turn."""

    def get_next(self):
        feeds = super().get_next()
        if feeds is not None and self.start % 2:
            feeds = {"input": np.ascontiguousarray(feeds["input"][..., :6])}
        return feeds


def any_size():
    """A network from image to image."""
    net = Net()
    relu_conv(net, net.input("input", ["N", 3, "H", "W"]), "a", 4, 3, **SAME)
    net.conv("a", "y", 3, 4, **SAME)
    return net.model("y")


def test_images_of_several_sizes(plugin_path, watch):
    """One vector of scores each can be searched on; images of several sizes can be timed only."""
    scores = rewrite_and_measure(small_cnn(size="S"), Sizes(80, batch=1), {**FLOPS, "max_drop": 0.1})
    assert scores.report["search"]["images"] == {"search": 40, "report": 40}
    timed = rewrite_and_measure(any_size(), Sizes(80, batch=1), {"no_verify": True})
    assert "scheme" not in timed.report["search"] and timed.report["accuracy"]["images"] == 80
    with pytest.raises(DataError, match="the samples have several shapes and so have the outputs"):
        rewrite_and_measure(any_size(), Sizes(80, batch=1), FLOPS)


@pytest.mark.parametrize("objective", ["flops", "time"])
def test_a_fixed_batch(plugin_path, watch, tmp_path, objective):
    np.savez(tmp_path / "data.npz", x=small_images(100))
    options = {**FLOPS, "objective": objective, "max_drop": 0.1}
    result = rewrite_and_measure(small_cnn(batch=4), str(tmp_path / "data.npz"), options)
    assert result.report["search"]["images"] == {"search": 48, "report": 52}


@pytest.mark.parametrize("max_drop", [0.0, 0.1])
def test_times_are_those_of_the_batch_asked_for(plugin_path, monkeypatch, watch, tmp_path, max_drop):
    np.savez(tmp_path / "data.npz", x=small_images(140))
    seen = []

    def made(batches, *_):
        seen.extend(len(feeds["input"]) for feeds in batches)
        return watch

    for where in ("budget.attempts", "time.by_time"):
        monkeypatch.setattr(f"spl_onnx.search.{where}.SessionStopwatch", made)
    options = {"time_batch": 8, "max_drop": max_drop, "no_verify": True}
    result = rewrite_and_measure(small_cnn(), str(tmp_path / "data.npz"), options)
    assert set(seen) == {8}
    assert result.report["search"]["time_batch"] == 8 and result.report["search"]["timed_images"] == 32


def test_the_original_is_not_changed(plugin_path, watch):
    for options in (FLOPS, {"no_verify": True}):
        model = small_cnn()
        before = model.SerializeToString()
        rewrite_and_measure(model, Samples(70), {**options, "max_drop": 0.5})
        assert model.SerializeToString() == before


def test_a_search_that_was_stopped_goes_on(plugin_path, tmp_path):
    """The second run takes every quality from the journal, and finds the same."""
    options = {**FLOPS, "max_drop": 0.05, "resume": str(tmp_path / "journal")}
    first, second = (rewrite_and_measure(small_cnn(), Samples(80), options) for _ in range(2))
    assert first.report["search"]["evaluations"] > 0 == second.report["search"]["evaluations"]
    assert first.plan.to_json() == second.plan.to_json()
    with pytest.raises(UsageError, match="another model, data or options"):
        rewrite_and_measure(small_cnn(seed=1), Samples(80), options)


def test_a_real_network(plugin_path):
    """LeNet on digits: its layers need few of their products, at a drop of less than a point."""
    x, labels = datasets.images("mnist_lenet", 400)

    class Digits(Samples):
        def __init__(self):
            super().__init__(1, batch=50, labels=labels)
            self.x = x

    options = RewriteOptions(data=Digits(), objective="flops", max_drop=0.01, scheme="fdos")
    result = measured_rewrite(read_model(datasets.load_network("mnist_lenet")), options, DataOptions())
    assert result.report["accuracy"]["metric"] == "top1" and result.report["accuracy"]["drop"] <= 0.01
    assert result.report["search"]["images"] == {"search": 200, "report": 200}
    assert result.report["flops"]["reduction"] > 0.3
    onnx.checker.check_model(result.model)


def test_verification_stays_on(plugin_path, monkeypatch):
    """What is written is checked as without a search; what fails is dense in the result."""
    # The package has a function of the name of this folder.
    repair = importlib.import_module("spl_onnx.rewrite.verification.repair")
    real = repair.verify

    def verify(loaded, rewritten, options, plan, original=None):
        if any(site.choice in ("predict", "truncate") for site in plan.sites):
            raise VerificationError("no")
        return real(loaded, rewritten, options, plan, original)

    monkeypatch.setattr(repair, "verify", verify)
    result = rewrite_and_measure(small_cnn(), Samples(80), {**FLOPS, "max_drop": 1.0, "no_verify": False})
    assert {site.choice for site in result.plan.sites} <= {"dense", "lossless"}
    assert len([site for site in result.plan.sites if site.reason == "failed verification: no"]) > 0
    assert ops(result.model).count("SRMM") == result.report["rewritten"]


def test_a_layer_that_fails_is_left_out_before_the_search(plugin_path, monkeypatch):
    """The search never sees it."""
    repair = importlib.import_module("spl_onnx.rewrite.verification.repair")
    real = repair.verify

    def verify(loaded, rewritten, options, plan, original=None):
        if any(site.layer == "conv2" and site.is_rewritten for site in plan.sites):
            raise VerificationError("no")
        return real(loaded, rewritten, options, plan, original)

    monkeypatch.setattr(repair, "verify", verify)
    result = rewrite_and_measure(small_cnn(), Samples(80), {**FLOPS, "max_drop": 1.0, "no_verify": False})
    reasons = {site.layer: site.reason for site in result.plan.sites if not site.is_rewritten}
    assert reasons["conv2"] == "failed verification: no"
    assert result.report["rewritten"] > 0
    assert "left out of the search after a failed check: conv2" in " ".join(result.report["notes"])


@pytest.fixture
def quick_bytes(monkeypatch):
    """A watch without a clock, for which 8 bits are quickest."""
    made = PrecisionWatch()
    monkeypatch.setattr("spl_onnx.search.budget.attempts.SessionStopwatch", lambda *args: made)
    return made


def test_a_budget_buys_8_bits(plugin_path, quick_bytes, tmp_path):
    """By default; the plan gives the same model again, and the report names the precision of each site."""
    files = {"plan_out": str(tmp_path / "plan.json"), "html": str(tmp_path / "r.html")}
    result = rewrite_and_measure(wide(), Samples(128), {"max_drop": 0.1, "no_verify": True, **files})
    report = json.loads(json.dumps(plain_report(result.report)))
    assert report["search"]["images"] == {"search": 64, "report": 64} and report["search"]["faster"]
    found = {site["name"]: site["settings"].get("precision") for site in report["sites"]}
    assert found == {"one": "int8", "two": "int8_winograd", "three": "int8_winograd", "logits": None}
    assert report["accuracy"]["drop"] <= 0.1 and report["flops"]["in_8_bits"] > 0
    assert "int8_winograd" in (tmp_path / "r.html").read_text(encoding="utf-8")
    again = rewrite_and_measure(wide(), None, {"plan": files["plan_out"]})
    assert again.model.SerializeToString() == result.model.SerializeToString()
    assert again.report["verification"]["library"]["difference"] > 0
    assert ops(again.model).count("QSRMM") == 3, "neighbours in 8 bits hand each other bytes"


def test_bytes_that_lose_too_much_are_given_up_first(plugin_path, quick_bytes, monkeypatch):
    """The sites themselves stay in 8 bits."""
    real, seen = chosen.measure_on, []

    def measure_on(original, model, *rest):
        found = real(original, model, *rest)
        seen.append(ops(model).count("QSRMM"))
        if seen[-1]:
            worse = replace(found.comparison.confidence, drop=1.0)
            return replace(found, comparison=replace(found.comparison, confidence=worse))
        return found

    monkeypatch.setattr(chosen, "measure_on", measure_on)
    result = rewrite_and_measure(wide(), Samples(128), {"max_drop": 0.1, "no_verify": True})
    assert seen[-2:] == [3, 0] and ops(result.model).count("SRMM") == 3
    assert [site.choice for site in result.plan.sites][:3] == ["int8"] * 3


def test_every_site_in_8_bits_hands_on_bytes(plugin_path, tmp_path):
    """With data; the plan gives the same model without."""
    options = {"precision": "int8", "max_drop": 1.0, "plan_out": str(tmp_path / "plan.json")}
    result = rewrite_and_measure(wide(), Samples(80), options)
    assert ops(result.model).count("QSRMM") == 3 and "accuracy" in result.report
    again = rewrite_and_measure(wide(), None, {"plan": options["plan_out"]})
    assert again.model.SerializeToString() == result.model.SerializeToString()


@pytest.mark.parametrize(
    "options",
    [{"precision": "float32"}, {"lossless": True}, {"max_drop": 0.0}, {"choices": "dense,lossless"}],
)
def test_who_wants_float32_gets_it(plugin_path, watch, options):
    result = rewrite_and_measure(
        wide(), Samples(80), {"max_drop": 0.1, "search_seconds": 1.0, "no_verify": True, **options}
    )
    assert "int8" not in {site.choice for site in result.plan.sites}
    assert any(site.is_rewritten for site in result.plan.sites)


def test_few_samples_are_no_reason_for_8_bits(plugin_path, watch):
    result = rewrite_and_measure(wide(), Samples(20), {"max_drop": 0.5, "no_verify": True})
    assert {site.choice for site in result.plan.sites} == {"lossless", "dense"}
    assert result.plan.sites[0].reason == "dense 10 ms, lossless 3 ms, predict 4 ms"


def test_every_site_in_8_bits_has_ranges_from_one_part_of_the_data(plugin_path):
    options = {"precision": "int8", "max_drop": 0.5, "no_verify": True}
    result = rewrite_and_measure(wide(), Samples(80), options)
    images, report = Samples(80).x, result.report
    assert report["accuracy"]["images"] == 40 and "search" not in report
    assert not any("not measured" in note for note in report["notes"])
    known = result.plan.find("one", "conv_relu").settings
    seen = images[spread(80, 40)]
    assert known.xscale[0] == pytest.approx((seen.max() - seen.min()) / 255, rel=1e-6)
    few = rewrite_and_measure(wide(), Samples(20), options)
    assert few.plan.find("one", "conv_relu").settings.xscale is None


def test_8_bits_that_lose_too_much_are_an_error(plugin_path):
    """Who asks for them gets no less; the limit stays the limit."""
    options = {"precision": "int8", "max_drop": 0.0, "no_verify": True, "metric": "mse"}
    with pytest.raises(VerificationError, match=r"accuracy: mse on .* wanted at most 0"):
        rewrite_and_measure(wide(), Samples(80), options)
