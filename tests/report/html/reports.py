"""Reports as `--json` writes them, and a reader of pages that checks their structure."""

from __future__ import annotations

from html.parser import HTMLParser

from spl_onnx.report.html.page import part
from spl_onnx.report.html.view import read_report

VOID = {"meta", "br"}


def site(name="conv1", choice="lossless", **more):
    entry = {"name": name, "rule": "conv_relu", "choice": choice, "settings": {}, "reason": "a reason"}
    unknown = dict.fromkeys(("density", "zeros", "loss", "dense_ms", "now_ms", "flops", "work_share"))
    return {**entry, "layer": "layer", **unknown, **more}


def sites():
    int8 = {"predictor": "int8"}
    pruned = {"predictor": "pruned", "keep": 0.25, "threshold": [0.1, 0.2, 0.3], "floor": 0.5}
    return [
        site("one", density=1.0, zeros=0.6, dense_ms=4.0, now_ms=2.0, work_share=0.5),
        site("two", "predict", settings=int8, density=0.2, zeros=0.5, dense_ms=3.0, now_ms=1.0),
        site("three", "predict", settings=pruned, density=0.3, zeros=0.4, dense_ms=2.0, now_ms=1.5),
        site("four", "dense", reason="dense 1 ms, lossless 2 ms", dense_ms=1.0, now_ms=1.0),
        site("five", "dense", reason="it is depthwise"),
        site("six", "truncate", settings={"floor": 0.1}, density=1.0, dense_ms=1.0, now_ms=0.5),
    ]


def path():
    return [
        {"step": 0, "label": "start", "cost": 1.0, "loss": 0.0, "drop": 0.0, "kept": True},
        {"step": 1, "label": "two: int8", "cost": 0.8, "loss": 0.001, "drop": 0.002, "kept": True},
        {"step": 2, "label": "five: int8", "cost": 0.79, "loss": 0.02, "drop": None, "kept": False},
    ]


def full():
    """A report in which everything was measured."""
    flops = {
        "dense": 3e9,
        "selected": 1e9,
        "predictor": 2e8,
        "reduction": 0.6,
        "predictor_full_price": {"predictor": 8e8, "reduction": 0.4},
        "predictor_free": {"predictor": 0.0, "reduction": 2 / 3},
        "zero_inputs": 5e8,
    }
    accuracy = {
        "metric": "top1",
        "before": 0.7575,
        "after": 0.755,
        "drop": 0.0025,
        "interval": [-0.001, 0.006],
        "confidence_upper": 0.0055,
        "max_drop": 0.01,
        "proves_max_drop": True,
        "images_needed": 200,
        "images": 400,
        "agreement": 0.98,
        "top5_before": 0.95,
        "top5_after": 0.945,
    }
    search = {
        "images": {"search": 200, "report": 400},
        "threads": 2,
        "tried": 7,
        "kept": 4,
        "speedup": 2.5,
        "noise": 0.01,
        "faster": True,
        "original_ms": 10.0,
        "chosen_ms": 4.0,
        "objective": "time",
        "scheme": "gain",
        "metric": "top1",
        "budget": 0.01,
        "path": path(),
        "stopped": "the time was up",
        "seconds": 61.0,
    }
    model = {
        "opset": 17,
        "inputs": ["x float32 [1]"],
        "outputs": ["y"],
        "nodes": 9,
        "operators": {"Conv": 4},
        "weight_bytes": 4000,
    }
    return {
        "input": "folder/in.onnx",
        "output": "out.onnx",
        "rewritten": 4,
        "rules": {"conv_relu": 4},
        "notes": ["a note"],
        "sites": sites(),
        "flops": flops,
        "accuracy": accuracy,
        "search": search,
        "settings": {"rules": "all", "max_drop": 0.01, "lossless": False, "choices": ["dense", "predict"]},
        "model": {"before": model, "after": {**model, "nodes": 11, "operators": {"SRMM": 4}}},
        "versions": {"spl_onnx": "9.8.7", "isa": "avx512"},
        "machine": {"cpu": "A processor", "cores": 2},
        "verification": {"checker": "passed", "sites": {"compared": 6}},
    }


def bare():
    """A report without data, times or shapes."""
    return {"rewritten": 0, "rules": {}, "sites": [], "flops": None, "accuracy": None, "model": {}}


def drawn(name, report):
    """The headline or one section of the page of a report."""
    return part(name, read_report(report))


class Reader(HTMLParser):
    """Elements of a page. An element that is not closed, or closed twice, fails.

    Attributes:
        elements: (name, attributes) in their order.
        words: text by section; "" outside of sections.
    """

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.words, self._open = [], {"": ""}, []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        section = next((name for tag, name in self._open if tag == "section"), "")
        if not any(tag in ("style", "script") for tag, _ in self._open):
            self.words[section] = f"{self.words.get(section, '')} {data}"

    def count(self, tag, kind=None):
        """Elements of a name and, if given, a class."""
        return sum(
            name == tag and (kind is None or kind in (attributes.get("class") or "").split())
            for name, attributes in self.elements
        )
