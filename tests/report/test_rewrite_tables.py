"""Tables of a rewrite hold the numbers of the report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spl_onnx.measure.flops import Reduction
from spl_onnx.options import RewriteOptions
from spl_onnx.report.build import flops_entry
from spl_onnx.report.console import Terminal
from spl_onnx.report.entries import AccuracyEntry, SiteEntry
from spl_onnx.report.rewrite_tables import (
    accuracy_table,
    before_after_table,
    confidence_line,
    flops_table,
    fold_refused,
    rules_line,
    sites_table,
)
from spl_onnx.report.summary import summarise
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn


def site(name, choice="dense", reason="no", **more):
    return SiteEntry(name=name, rule="conv_relu", choice=choice, reason=reason, **more)


@pytest.fixture
def printed(capsys):
    """The lines a table prints."""

    def lines(table):
        Terminal().table(table)
        return capsys.readouterr().out.splitlines()

    return lines


def test_converted_sites_come_first(printed):
    int8 = site(
        "b", "predict", "yes", settings={"predictor": "int8"}, density=0.125, zeros=0.5, work_share=0.75
    )
    pruned = site("c", "predict", "yes", settings={"predictor": "pruned", "keep": 0.25})
    part = site("e", "predict", "yes", settings={"predictor": "int8", "keep": 0.1})
    lines = printed(sites_table([site("a"), int8, pruned, part, site("d", "lossless")]))
    order = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert order == ["b", "c", "e", "d", "a"]
    cells = [cell.strip() for cell in next(line for line in lines if "int8" in line).split("│")[1:-1]]
    assert cells == ["b", "conv_relu", "int8", "75.0 %", "12.5 %", "50.0 %", "yes"]
    assert any("pruned 0.25" in line for line in lines) and any("int8 0.1" in line for line in lines)


def test_refused_sites_share_a_row():
    sites = [site("a"), site("b"), site("c", reason="other"), site("d", "predict")]
    folded = fold_refused(sites)
    assert [s.name for s in folded] == ["d", "a and 1 more", "c"]


def test_before_and_after(printed):
    before = summarise(small_cnn())
    after = summarise(rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True)).model)
    lines = printed(before_after_table(before, after, 5000, None))

    def row(name):
        return [c.strip() for c in next(x for x in lines if x.startswith(f"│ {name} ")).split("│")[2:-1]]

    assert row("files") == ["5.00 kB", "-"] and row("Conv") == ["2", "0"] and row("nodes")[0] == "10"
    assert row("ai.spl.conv.SRMM") == ["0", "2"]


def test_work_at_three_prices(printed):
    work = Reduction(dense=1e9, selected=3e8, predictor=1e8, predictor_full=4e8, skippable=5e7)
    text = "\n".join(printed(flops_table(flops_entry(work, measured=True))))
    for part in ("dense 1.00 GFLOP", "60.0 %", "30.0 %", "70.0 %", "zero input: 50.00 MFLOP"):
        assert part in text
    assert "8 bits" not in text
    in_8_bits = replace(work, in_8_bits=2e8)
    assert "multiplied in 8 bits: 200.00 MFLOP" in "\n".join(
        printed(flops_table(flops_entry(in_8_bits, True)))
    )
    text = "\n".join(printed(flops_table(flops_entry(work, measured=False))))
    assert "not measured" in text and "%" not in text


def test_accuracy(printed):
    entry = AccuracyEntry(
        metric="top1",
        before=0.9,
        after=0.88,
        drop=0.02,
        interval=[0.0, 0.04],
        images=50,
        top5_before=1.0,
        top5_after=0.98,
        agreement=0.97,
    )
    text = "\n".join(printed(accuracy_table(entry)))
    for part in ("50 samples", "90.00 %", "88.00 %", "0.00 % .. 4.00 %", "98.00 %", "97.00 %"):
        assert part in text
    psnr = AccuracyEntry("psnr", after=41.0, drop=0.009, interval=[0.008, 0.01], images=2)
    assert "41.000 dB" in "\n".join(printed(accuracy_table(psnr)))


def test_confidence_in_a_line():
    entry = AccuracyEntry("top1", drop=0.004, images=500, confidence_upper=0.016)
    known = "drop 0.40 points on 500 samples; with 95 % confidence the true drop is below 1.60 points"
    assert confidence_line(entry) == known
    limited = replace(entry, max_drop=0.01, proves_max_drop=False, images_needed=1800)
    shown = "about 1800 such samples would be needed to show at most 1.00 points"
    assert confidence_line(limited) == f"{known}; {shown}"
    never = "no number of such samples would show at most 1.00 points"
    assert confidence_line(replace(limited, images_needed=None)) == f"{known}; {never}"
    assert confidence_line(replace(limited, proves_max_drop=True)).endswith("within the limit of 1.00 points")


def test_rules_in_a_line():
    assert rules_line({}) == "no site was converted"
    assert rules_line({"a": 1}) == "1 site converted: a 1"
    assert rules_line({"a": 2, "b": 1}) == "3 sites converted: a 2, b 1"
