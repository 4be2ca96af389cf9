"""Outputs are checked before work starts."""

from __future__ import annotations

import pytest

from spl_onnx.cli.outputs import check_output
from spl_onnx.errors import UsageError


def test_good_outputs(tmp_path, monkeypatch):
    check_output(str(tmp_path / "new.onnx"), "output", (str(tmp_path / "in.onnx"),))
    monkeypatch.chdir(tmp_path)
    check_output("new.onnx", "output")
    assert list(tmp_path.iterdir()) == [], "checking leaves nothing behind"


def test_an_input_by_another_name(tmp_path):
    source = tmp_path / "in.onnx"
    source.write_text("x")
    (tmp_path / "link.onnx").symlink_to(source)
    for name in ("in.onnx", "link.onnx", "../" + tmp_path.name + "/in.onnx"):
        with pytest.raises(UsageError, match="is also read or written as"):
            check_output(str(tmp_path / name), "output", (str(source),))


def test_two_outputs_that_are_one_file(tmp_path):
    with pytest.raises(UsageError, match=r"--json .*is also read or written"):
        check_output(str(tmp_path / "a"), "--json", (str(tmp_path / "." / "a"),))


def test_folders(tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        check_output(str(tmp_path), "output")
    with pytest.raises(UsageError, match="there is no folder"):
        check_output(str(tmp_path / "no" / "a.onnx"), "output")


def test_folder_that_refuses_files(tmp_path, monkeypatch):
    def refuse(**kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(UsageError, match=r"cannot write into .*: Read-only file system"):
        check_output(str(tmp_path / "a.onnx"), "output")
