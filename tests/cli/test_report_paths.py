"""Reports are never written over what a command reads."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

MODELS = {"bench": 1, "eval": 1, "compare": 2, "inspect": 1}


@pytest.mark.parametrize("command", MODELS)
def test_the_report_is_no_file_that_is_read(call, model, data, tmp_path, command):
    words = [command, *[model] * MODELS[command], "--data", data, "--json"]
    before = Path(model).read_bytes()
    code, out, err = call(*words, model)
    assert code == 2 and "is also read or written" in err and out == ""
    code, _, err = call(*words, tmp_path / "no" / "r.json")
    assert code == 2 and "there is no folder" in err
    assert Path(model).read_bytes() == before


@pytest.mark.parametrize("command", MODELS)
def test_the_report_is_no_file_of_weights(call, model, data, tmp_path, command):
    path = tmp_path / "ext.onnx"
    onnx.save(onnx.load(model), path, save_as_external_data=True, location="ext.data", size_threshold=0)
    before = (tmp_path / "ext.data").read_bytes()
    models = [path] * MODELS[command]
    code, _, err = call(command, *models, "--data", data, "--json", tmp_path / "ext.data")
    assert code == 2 and "holds the input model or its weights" in err
    assert (tmp_path / "ext.data").read_bytes() == before
