"""`spl-onnx rewrite`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.rules.registry import rule_names
from tests.search.watches import FakeWatch, costs


def operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def test_default_converts_pooled_sites_and_gemms(call, model, tmp_path):
    code, out, err = call("rewrite", model, tmp_path / "out.onnx")
    assert (code, err) == (0, "")
    assert "2 sites converted: conv_relu_pool 1, gemm_relu 1" in out and "written:" in out
    assert operators(tmp_path / "out.onnx").count("SRMM") == 2


@pytest.mark.parametrize(
    ("flags", "sites", "predictors"),
    [
        (["--rules", "all"], 3, 3),
        (["--rules", "all", "--lossless"], 3, 0),
        (["--rules", "conv_relu"], 2, 2),
        (["--rules", "all", "--skip-rules", "gemm_relu,conv_relu"], 1, 1),
        (["--predictor", "pruned", "--keep", "0.5"], 2, 2),
        (["--precision", "float32"], 2, 2),
        (["--precision", "int8"], 3, 0),
        (["--precision", "int8", "--rules", "conv_relu"], 2, 0),
    ],
)
def test_flags_choose_sites(call, model, tmp_path, flags, sites, predictors):
    assert call("rewrite", model, tmp_path / "out.onnx", *flags, "-q") == (0, "", "")
    made = operators(tmp_path / "out.onnx")
    assert (made.count("SRMM"), made.count("SPLPredict")) == (sites, predictors)


def test_8_bits_without_data_say_what_that_risks(call, model, tmp_path):
    code, out, _ = call("rewrite", model, tmp_path / "out.onnx", "--precision", "int8")
    assert code == 0 and out.count("int8 products") == 3
    assert "note: 3 sites multiply in 8 bits" in out and "what that loses was not measured" in out
    assert "of the selected work, multiplied in 8 bits" in out


QUICK, SLOW = (
    dict.fromkeys(("pooled", "second", "hidden"), 1.0),
    dict.fromkeys(("pooled", "second", "hidden"), 9.0),
)


@pytest.fixture
def clock(monkeypatch):
    """Make every original layer take 5 ms, and converted sites what is said."""

    def use(srmm, predict):
        watch = FakeWatch(costs({"c1": 5.0, "c2": 5.0, "g1": 5.0}, srmm, predict))
        monkeypatch.setattr("spl_onnx.search.time.by_time.SessionStopwatch", lambda *_: watch)

    return use


def test_with_data_the_clock_decides(plugin_path, report, call, model, data, tmp_path, clock):
    clock({**QUICK, "second": 9.0}, SLOW)
    flags = ("--data", data, "--max-drop", "1", "--time-images", "4", "--search-seconds", "1")
    content = report("rewrite", model, tmp_path / "out.onnx", *flags, "--plan-out", tmp_path / "plan.json")
    assert {site["name"]: site["choice"] for site in content["sites"]} == {
        "pooled": "lossless",
        "second": "dense",
        "hidden": "lossless",
        "logits": "dense",
    }
    first = content["sites"][0]
    assert (first["dense_ms"], first["now_ms"]) == (5.0, 1.0) and first["zeros"] is not None
    assert first["reason"] == "dense 5 ms, lossless 1 ms, predict 9 ms"
    assert content["search"]["timed_images"] == 4 and content["search"]["speedup"] == pytest.approx(15 / 7)
    _, out, _ = call("rewrite", model, tmp_path / "out.onnx", *flags)
    assert "2.143 x the original's speed (15.000 -> 7.000 ms, 4 samples in turn, 1 thread(s)" in out
    _, out, _ = call("rewrite", model, tmp_path / "out.onnx", *flags, "--time-batch", "2")
    assert "8 samples in batches of 2 in turn" in out
    assert call("rewrite", model, tmp_path / "again.onnx", "--plan", tmp_path / "plan.json")[0] == 0
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "out.onnx").read_bytes()


def test_nothing_worth_converting(plugin_path, call, model, data, tmp_path, clock):
    clock(SLOW, SLOW)
    code, out, err = call("rewrite", model, tmp_path / "out.onnx", "--data", data, "--threads", "2")
    assert (code, err) == (0, "") and "nothing worth converting: 1.000 x the original's speed" in out
    assert "no site was converted" in out
    assert onnx.load(tmp_path / "out.onnx") == onnx.load(model)


def test_interrupting_the_search_is_one_line(plugin_path, call, model, data, tmp_path, monkeypatch):
    def interrupted(*words):
        raise KeyboardInterrupt

    monkeypatch.setattr("spl_onnx.search.time.by_time.SessionStopwatch.times", interrupted)
    code, out, err = call("rewrite", model, tmp_path / "out.onnx", "--data", data)
    assert (code, out, err) == (130, "", "spl-onnx: error: interrupted\n")
    assert not (tmp_path / "out.onnx").exists()


def test_report(report, model, tmp_path):
    content = report("rewrite", model, tmp_path / "out.onnx", "--rules", "all")
    assert content["input"] == model and content["rewritten"] == 3
    assert {site["name"]: site["choice"] for site in content["sites"]} == {
        "pooled": "predict",
        "second": "predict",
        "hidden": "predict",
        "logits": "dense",
    }
    assert content["model"]["before"]["operators"]["Conv"] == 2
    assert set(content["versions"]) >= {"spl_onnx", "onnx", "onnxruntime", "numpy", "python", "isa"}


def test_page(call, model, tmp_path):
    code, _, err = call("rewrite", model, tmp_path / "out.onnx", "--html", tmp_path / "r.html", "-q")
    assert (code, err) == (0, "")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "in.onnx: spl-onnx" in page and str(tmp_path / "out.onnx") in page and "pooled" in page


def test_data_adds_accuracy_and_densities(plugin_path, report, call, model, data, tmp_path):
    flags = ("--data", data, "--max-drop", "0.3", "--batch", "7", "--rules", "all", "--objective", "none")
    content = report("rewrite", model, tmp_path / "out.onnx", *flags)
    assert content["accuracy"]["metric"] == "top1" and content["accuracy"]["images"] == 20
    assert 0 < content["sites"][0]["density"] < 1
    _, out, _ = call("rewrite", model, tmp_path / "out.onnx", *flags, "--limit", "10")
    assert "accuracy on 10 samples" in out


def test_dry_run_tells_all_and_writes_nothing(report, call, model, tmp_path):
    content = report("rewrite", model, "--dry-run")
    assert content["rewritten"] == 2 and content["model"]["after"]["operators"]["ai.spl.conv.SRMM"] == 1
    _, out, _ = call("rewrite", model, tmp_path / "out.onnx", "--dry-run")
    assert "dry run: no model written" in out and not (tmp_path / "out.onnx").exists()


def test_a_plan_can_be_edited_and_applied(call, model, tmp_path):
    plan = tmp_path / "plan.json"
    assert call("rewrite", model, tmp_path / "a.onnx", "--plan-out", plan, "-q")[0] == 0
    content = json.loads(plan.read_text())
    for site in content["sites"]:
        if site["site"] == "hidden":
            site["choice"], site["settings"] = "dense", {}
    plan.write_text(json.dumps(content))
    assert call("rewrite", model, tmp_path / "b.onnx", "--plan", plan, "-q")[0] == 0
    assert operators(tmp_path / "b.onnx").count("SRMM") == 1


def test_a_model_without_sites_is_copied_and_told(call, tmp_path):
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", [x], [y])
    onnx.save(
        helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]),
        tmp_path / "m.onnx",
    )
    code, out, _ = call("rewrite", tmp_path / "m.onnx", tmp_path / "out.onnx")
    assert code == 0 and "no site was converted" in out and (tmp_path / "out.onnx").exists()


def test_rules_are_listed(call):
    code, out, _ = call("rewrite", "--list-rules")
    assert code == 0 and out.split() == list(rule_names())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "got no model"),
        (("{model}",), "got no output"),
        (("{model}", "{out}", "--rules", "nonsense"), "nonsense"),
        (("{model}", "{out}", "--skip-rules", "nonsense"), "nonsense"),
        (("{model}", "{out}", "--predictor", "oracle"), "oracle"),
        (("{model}", "{out}", "--keep", "1.5"), "--keep"),
        (("{model}", "{out}", "--keep", "0.5", "--predictor", "int8"), "--keep"),
        (("{model}", "{out}", "--max-drop", "-1"), "--max-drop"),
        (("{model}", "{out}", "--plan", "{out}.json"), "--plan"),
        (("{model}", "{out}", "--json", "{out}"), "--json"),
        (("{model}", "{out}", "--plan-out", "{model}"), "--plan-out"),
        (("{model}", "{out}", "--html", "{model}"), "--html"),
        (("{model}", "{out}", "--html", "{out}.d/r.html"), "--html"),
        (("{model}", "{out}", "--resume", "{out}"), "--resume"),
        (("{model}", "{out}", "--plan", "{out}"), "output"),
        (("{model}", "{out}", "--data", "{out}"), "output"),
        (("{model}", "{out}", "--metric", "bleu"), "--metric"),
        (("{model}", "{out}", "--precision", "int4"), "--precision"),
        (("{model}", "{out}", "--precision", "int8", "--lossless"), "leave out --lossless"),
        (("{model}", "{out}", "--objective", "bytes"), "--objective"),
        (("{model}", "{out}", "--choices", "sparse"), "--choices"),
        (("{model}", "{out}", "--time-images", "0"), "--time-images"),
    ],
)
def test_wrong_usage(call, model, tmp_path, words, message):
    out = tmp_path / "out.onnx"
    filled = [word.format(model=model, out=out) for word in words]
    code, _, err = call("rewrite", *filled)
    assert code == 2 and message in err and not out.exists()


def test_external_weights_stay_external_and_are_counted(call, tmp_path):
    from tests.small_models import small_cnn

    path = tmp_path / "ext.onnx"
    onnx.save(small_cnn(), path, save_as_external_data=True, location="ext.data", size_threshold=0)
    code, out, _ = call("rewrite", path, tmp_path / "out" / ".." / "out.onnx")
    assert code == 2, "there is no folder out"
    code, out, _ = call("rewrite", path, tmp_path / "out.onnx")
    assert code == 0
    assert len(onnx.load(tmp_path / "out.onnx", load_external_data=False).SerializeToString()) > 0
    files = next(line for line in out.splitlines() if line.startswith("│ files"))
    total = sum((tmp_path / name).stat().st_size for name in ("ext.onnx", "ext.data"))
    assert f"{total / 1000:.2f} kB" in files


@pytest.fixture
def external(tmp_path):
    """A model with its weights in ext.data."""
    from tests.small_models import small_cnn

    path = tmp_path / "ext.onnx"
    onnx.save(small_cnn(), path, save_as_external_data=True, location="ext.data", size_threshold=0)
    return path


@pytest.mark.parametrize("flag", ["output", "--json", "--html", "--plan-out", "--resume"])
def test_weights_of_the_input_are_no_output(call, external, tmp_path, flag):
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    output, data = tmp_path / "out.onnx", tmp_path / "ext.data"
    words = [data] if flag == "output" else [output, flag, data]
    code, out, err = call("rewrite", external, *words)
    assert code == 2 and f"{flag} {data}: holds the input model or its weights" in err and out == ""
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("flag", ["output", "--json", "--html", "--plan-out", "--resume"])
def test_weights_of_another_model_are_no_output(call, model, external, tmp_path, flag):
    before = (tmp_path / "ext.data").read_bytes()
    words = [tmp_path / "ext.data"]
    code, out, err = call("rewrite", model, *(words if flag == "output" else [tmp_path / "o", flag, *words]))
    assert code == 2 and f"holds the weights of {external}" in err and out == ""
    assert (tmp_path / "ext.data").read_bytes() == before


def test_weights_need_a_place(call, external, tmp_path):
    """That is said before the work starts."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/out.onnx")
    for name, message in (("pipe", "is no plain file"), ("link", "is a link into another folder")):
        code, out, err = call("rewrite", external, tmp_path / name)
        assert code == 2 and message in err and out == ""


def test_streams_and_links_stay(call, model, tmp_path):
    (tmp_path / "link.onnx").symlink_to("real.onnx")
    assert call("rewrite", model, tmp_path / "link.onnx")[0] == 0
    assert (tmp_path / "link.onnx").is_symlink() and onnx.load(tmp_path / "real.onnx").graph.node
    before = Path(os.devnull).stat().st_mode
    code, out, _ = call("rewrite", model, os.devnull, "--json", os.devnull, "--html", os.devnull)
    assert code == 0 and f"written: {os.devnull}" in out and Path(os.devnull).stat().st_mode == before


def test_other_names_of_the_output_are_told(call, model, tmp_path):
    (tmp_path / "out.onnx").write_bytes(b"old")
    (tmp_path / "backup").hardlink_to(tmp_path / "out.onnx")
    code, out, _ = call("rewrite", model, tmp_path / "out.onnx")
    assert code == 0 and "(hard links); the others keep the old content" in out
    assert (tmp_path / "backup").read_bytes() == b"old"


def test_through_standard_streams(model, tmp_path):
    """Nothing is printed where the model or a report goes."""
    command = [sys.executable, "-m", "spl_onnx", "rewrite", "/dev/stdin"]
    with Path(model).open("rb") as file:
        made = subprocess.run([*command, "/dev/stdout"], stdin=file, capture_output=True, check=True)
    assert onnx.load_from_string(made.stdout).graph.node and made.stderr == b""
    words = [*command, str(tmp_path / "out.onnx"), "--json", "/dev/stdout"]
    report = subprocess.run(words, input=Path(model).read_bytes(), capture_output=True, check=True)
    assert json.loads(report.stdout)["rewritten"] == 2


def test_every_option_of_today_has_its_flag(call):
    """Flags and fields have the same names; the seed and where weights go are for Python only."""
    _, out, _ = call("rewrite", "--help")
    flags = {
        word.strip("[],").lstrip("-").replace("-", "_")
        for word in out.split()
        if word.startswith(("--", "[--"))
    }
    later = {"seed", "external_data", "external_data_threshold"}
    assert set(RewriteOptions.names()) - flags == later
