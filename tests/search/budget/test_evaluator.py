"""Configurations are judged once; the journal carries what was judged into the next run."""

from __future__ import annotations

import json
import math
import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.errors import UsageError
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.budget.evaluator import Evaluator, Journal, fingerprint
from spl_onnx.search.budget.quality import Quality
from spl_onnx.search.settings import EXACT, Setting

FLOOR = Setting("truncate", SiteSettings(floor=0.5), "floor 0.5")
INT8 = Setting("predict", SiteSettings(predictor="int8"), "int8")


class FakeRunner:
    """Notes what it was asked for; its outputs are the number of sites that are not exact."""

    def __init__(self):
        self.calls = []

    def outputs(self, config, progress=None):
        self.calls.append(("run", {site: setting.key for site, setting in config.items()}))
        return np.full((2, 1), sum(bool(setting.key) for setting in config.values()), np.float32)

    def hold(self, config, site):
        self.calls.append(("hold", dict(config), site))

    def release(self):
        self.calls.append(("release",))


class FakeJudge:
    def quality(self, outputs):
        return Quality(float(outputs[0, 0]) / 100, float(outputs[0, 0]))


def evaluator(path=None, mark="m", part="all"):
    runner = FakeRunner()
    return Evaluator(runner, FakeJudge(), Journal(path, mark), part), runner


def test_every_configuration_is_run_once():
    ask, runner = evaluator()
    assert ask({"a": FLOOR}) == Quality(0.01, 1.0)
    assert ask({"a": FLOOR}) == Quality(0.01, 1.0)
    assert ask({"b": FLOOR, "a": INT8}) == ask({"a": INT8, "b": FLOOR}), "the order of the sites is none"
    assert ask.runs == len(runner.calls) == 2


def test_exact_sites_are_not_counted():
    ask, runner = evaluator()
    ask({})
    ask({"a": EXACT, "b": Setting("dense")})
    assert ask.runs == len(runner.calls) == 1


def test_settings_and_not_labels_tell_configurations_apart():
    ask, _ = evaluator()
    ask({"a": FLOOR})
    ask({"a": Setting("truncate", SiteSettings(floor=0.5), "another label")})
    assert ask.runs == 1
    ask({"a": Setting("truncate", SiteSettings(floor=0.25), "floor 0.5")})
    ask({"b": FLOOR})
    assert ask.runs == 3


def test_states_are_kept_only_where_something_has_to_be_run():
    ask, runner = evaluator()
    ask({"a": FLOOR})
    ask.hold({}, "a")
    ask({"a": FLOOR})
    assert runner.calls[-1][0] == "run", "known: nothing is kept for it"
    ask({"a": INT8})
    assert [call[0] for call in runner.calls] == ["run", "hold", "run"]
    ask({"a": INT8, "b": FLOOR})
    assert [call[0] for call in runner.calls].count("hold") == 1, "kept once"


def test_the_last_wish_counts():
    ask, runner = evaluator()
    config = {"a": FLOOR}
    ask.hold({}, "a")
    ask.hold(config, "b")
    config["b"] = INT8
    ask(config)
    assert runner.calls[0] == ("hold", {"a": FLOOR}, "b")


def test_memory_is_given_back():
    ask, runner = evaluator()
    ask({"a": FLOOR})
    ask.release()
    assert runner.calls[-1] == ("release",)
    assert ask({"a": FLOOR}).drop == 0.01 and ask.runs == 1, "what was judged is kept"


def test_resuming_runs_nothing_again(tmp_path):
    path = tmp_path / "journal.jsonl"
    asked = [{}, {"a": FLOOR}, {"a": FLOOR, "b": INT8}]
    first, _ = evaluator(path)
    qualities = [first(config) for config in asked]
    second, runner = evaluator(path)
    assert [second(config) for config in asked] == qualities
    assert second.runs == 0 and runner.calls == []
    second({"b": INT8})
    third, _ = evaluator(path)
    third({"b": INT8})
    assert third.runs == 0 and len(Journal(path, "m")) == 4


def test_parts_of_the_samples_are_kept_apart(tmp_path):
    path = tmp_path / "journal.jsonl"
    evaluator(path, part="all")[0]({"a": FLOOR})
    other, _ = evaluator(path, part="first")
    other({"a": FLOOR})
    assert other.runs == 1


@given(st.floats(allow_nan=False), st.floats(0, allow_infinity=True, allow_nan=False))
def test_numbers_come_back_to_the_last_bit(tmp_path_factory, drop, divergence):
    path = tmp_path_factory.mktemp("journal") / "j"
    Journal(path, "m").add("key", Quality(drop, divergence))
    assert Journal(path, "m").find("key") == Quality(drop, divergence)


def test_a_loss_of_everything_comes_back(tmp_path):
    Journal(tmp_path / "j", "m").add("key", Quality(math.inf, math.inf))
    assert Journal(tmp_path / "j", "m").find("key") == Quality(math.inf, math.inf)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_last_line_that_was_cut_off(tmp_path, cut):
    """Killed while writing: what was complete counts, and the next entry starts a line of its own."""
    path = tmp_path / "j"
    journal = Journal(path, "m")
    journal.add("one", Quality(0.1, 1.0))
    journal.add("two", Quality(0.2, 2.0))
    path.write_bytes(path.read_bytes()[:-cut])
    again = Journal(path, "m")
    # Without its newline the last line is complete all the same.
    assert again.find("one") == Quality(0.1, 1.0) and (again.find("two") is not None) == (cut == 1)
    again.add("three", Quality(0.3, 3.0))
    last = Journal(path, "m")
    assert last.find("one") and last.find("three") == Quality(0.3, 3.0)


def test_an_empty_file_is_a_new_journal(tmp_path):
    (tmp_path / "j").touch()
    Journal(tmp_path / "j", "m").add("key", Quality(0.0, 0.0))
    assert len(Journal(tmp_path / "j", "m")) == 1


def test_a_journal_of_another_search_is_refused(tmp_path):
    Journal(tmp_path / "j", "m")
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(UsageError, match=r"--resume .*: it belongs to a search with another model, data or"):
        Journal(tmp_path / "j", "other")
    assert (tmp_path / "j").read_bytes() == before


@pytest.mark.parametrize(
    "text", ["hello\n", "[1, 2]\n", "{}\n", "\n", json.dumps({"version": 99}) + "\n", "12"]
)
def test_what_is_no_journal_is_left_alone(tmp_path, text):
    (tmp_path / "j").write_text(text)
    with pytest.raises(UsageError, match="no journal of a search: choose another"):
        Journal(tmp_path / "j", "m")
    assert (tmp_path / "j").read_text() == text


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"key": ' + "1" * 5000 + "}",
        json.dumps({"key": ["k"], "drop": 0.0, "divergence": 0.0}),
        json.dumps({"key": "k", "drop": "none", "divergence": 0.0}),
        json.dumps({"key": "k", "drop": None, "divergence": 0.0}),
        json.dumps({"key": "k", "drop": 10**400, "divergence": 0.0}),
    ],
)
def test_lines_that_mean_nothing_are_passed_over(tmp_path, line):
    Journal(tmp_path / "j", "m")
    with (tmp_path / "j").open("a") as file:
        file.write(line + "\n")
    assert Journal(tmp_path / "j", "m").find("k") is None


def test_paths_that_cannot_be_used(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "missing" / "j", tmp_path / "binary"):
        with pytest.raises(UsageError, match=rf"--resume {path}: cannot be used \(.*\): choose another path"):
            Journal(path, "m")


def test_a_disk_that_fills_up_on_the_way(tmp_path):
    """Here the folder goes away."""
    (tmp_path / "folder").mkdir()
    journal = Journal(tmp_path / "folder" / "j", "m")
    (tmp_path / "folder" / "j").unlink()
    (tmp_path / "folder").rmdir()
    with pytest.raises(UsageError, match="cannot be used"):
        journal.add("key", Quality(0.0, 0.0))


def test_nothing_is_written_without_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Journal(None, "m").add("key", Quality(0.0, 0.0))
    assert list(tmp_path.iterdir()) == []


def test_fingerprints():
    x = np.arange(4, dtype=np.float32)
    names = [
        fingerprint(["a", {"b": 1}]),
        fingerprint(["a", {"b": 2}]),
        fingerprint(["a", {"b": 1}], x),
        fingerprint(["a", {"b": 1}], x.reshape(2, 2)),
        fingerprint(["a", {"b": 1}], x.view(np.int32)),
        fingerprint(["a", {"b": 1}], x, x),
    ]
    assert len(set(names)) == len(names)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint([], x[::-1]) == fingerprint([], np.array([3, 2, 1, 0], np.float32))


def test_a_journal_is_a_plain_file(tmp_path):
    """A pipe would block for ever, and a device keeps nothing."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", os.devnull):
        with pytest.raises(UsageError, match=r"cannot be used \(.*wanted a plain file\)"):
            Journal(path, "m")


def test_a_journal_behind_a_link(tmp_path):
    (tmp_path / "link").symlink_to("j")
    Journal(tmp_path / "link", "m").add("key", Quality(0.5, 1.0))
    assert (tmp_path / "link").is_symlink() and Journal(tmp_path / "j", "m").find("key")


def test_two_searches_that_begin_at_once(tmp_path):
    """The journal has one head: a search with other samples is refused, one with the same shares it."""
    results = []

    def begin(mark):
        try:
            Journal(tmp_path / "j", mark).add(mark, Quality(0.0, 0.0))
            results.append(mark)
        except UsageError as error:
            assert "belongs to a search with another model" in str(error)

    threads = [threading.Thread(target=begin, args=(mark,)) for mark in "abababab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
    assert len(set(results)) == 1 and lines[0]["fingerprint"] == results[0]
    assert [line["key"] for line in lines[1:]] == results and len(results) == 4
