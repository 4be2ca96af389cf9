"""What a report tells of a choice by time."""

from __future__ import annotations

from dataclasses import replace

from spl_onnx.search.time.summary import TimeSummary


def test_what_was_not_measured_is_not_named():
    timed = TimeSummary(32, 8, 1)
    assert timed.as_json() == {"timed_images": 32, "time_batch": 8, "threads": 1, "faster": True}
    stays = replace(timed, kept=0, faster=False, note="no gain")
    assert stays.as_json() == {**timed.as_json(), "kept": 0, "faster": False, "note": "no gain"}
