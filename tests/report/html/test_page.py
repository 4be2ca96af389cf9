"""The page as a whole: complete, self-contained, and safe whatever the model's names are."""

from __future__ import annotations

import base64
import copy
import hashlib
import re

import numpy as np
import pytest

from spl_onnx.errors import UsageError
from spl_onnx.report.html import page, write_html
from tests.report.html.reports import Reader, bare, full

SECTIONS = {"accuracy", "time", "work", "layers", "dense", "search", "settings", "model", "machine"}
HOSTILE = "</title></style></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e&amp;"


@pytest.mark.parametrize("report", [full(), bare()], ids=["full", "bare"])
def test_every_section_is_there(report):
    reader = Reader(page(report))
    ids = [attributes["id"] for name, attributes in reader.elements if name == "section"]
    assert set(ids) == SECTIONS and len(ids) == len(SECTIONS)
    assert all(reader.words[name].strip() for name in SECTIONS)
    assert reader.count("h1") == 1 and reader.count("div", "tile") == 4


def test_title_and_files():
    reader = Reader(page(full()))
    assert "in.onnx: spl-onnx" in reader.words[""] and "folder/in.onnx" in reader.words[""]
    assert "Model in memory" in Reader(page(bare())).words[""]


def test_nothing_is_loaded():
    made = page(full())
    reader = Reader(made)
    names = {name for name, _ in reader.elements}
    assert not names & {"link", "img", "iframe", "object", "base", "form"}
    assert not any({"src", "href", "srcset"} & set(attributes) for _, attributes in reader.elements)
    assert "url(" not in made and "@import" not in made and "http:" not in made and "https:" not in made


def test_only_the_script_of_the_page_may_run():
    made = page(full())
    scripts = re.findall(r"<script>(.*?)</script>", made, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = next(a["content"] for n, a in Reader(made).elements if n == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'") and f"script-src 'sha256-{digest}'" in policy


def poisoned(value):
    """A report whose every text is hostile."""
    if isinstance(value, dict):
        return {key: poisoned(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [poisoned(entry) for entry in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("choices", [True, False], ids=["hostile choices", "known choices"])
def test_no_text_of_a_report_becomes_an_element(choices):
    clean, report = full(), poisoned(full())
    for site, other in zip(report["sites"], clean["sites"], strict=True):
        site["choice"] = site["choice"] if choices else other["choice"]
    for part in (report["model"]["before"], report["model"]["after"]):
        part["operators"] = {HOSTILE: 1}
    for site in report["sites"]:
        site["settings"] = {HOSTILE: HOSTILE}
    report["settings"][HOSTILE] = report["versions"][HOSTILE] = HOSTILE
    report["accuracy"]["metric"] = HOSTILE
    made = page(report)
    reader = Reader(made)
    assert reader.count("script") == 1 and reader.count("style") == 1 and reader.count("img") == 0
    assert not any(key.startswith("on") for _, attributes in reader.elements for key in attributes)
    assert "\u202e" not in made and "alert(1)" in reader.words["layers"]
    assert {name for name, _ in reader.elements} <= {name for name, _ in Reader(page(full())).elements}


def test_any_measurement_may_be_missing():
    """Every entry of a report in turn is null or absent."""
    for key in full():
        for sub in (None, *(full()[key] if isinstance(full()[key], dict) else ())):
            report = copy.deepcopy(full())
            if sub is None:
                del report[key]
            elif (key, sub) != ("accuracy", "metric"):
                report[key][sub] = None
            assert set(Reader(page(report)).words) >= SECTIONS, (key, sub)


def test_numbers_of_any_kind():
    report = full()
    report["accuracy"] |= {"metric": "psnr", "before": None, "after": float("inf"), "drop": np.float32(0)}
    report["sites"][0]["dense_ms"] = float("nan")
    made = page(report)
    assert not re.search(r"\bnan\b|\binf\b", made) and "samples" in made


def test_the_report_is_not_changed():
    report = full()
    page(report)
    assert report == full()


def test_writing(tmp_path):
    write_html(full(), tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == page(full())
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    with pytest.raises(UsageError, match=r"--html .*: cannot be written"):
        write_html(full(), tmp_path / "no" / "r.html")
