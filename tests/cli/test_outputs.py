"""Outputs are checked before work starts."""

from __future__ import annotations

import os
import subprocess
import tempfile

import pytest

from spl_onnx.cli.outputs import check_output, check_outputs, is_stdout
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


def test_streams_are_no_files_with_folders(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in (os.devnull, "/dev/stdout", str(tmp_path / "pipe")):
        assert check_output(name, "--json").is_stream


def test_several_outputs_may_go_to_one_device_only(tmp_path):
    assert check_outputs([("output", os.devnull), ("--json", os.devnull), ("--html", None)], ()) == []
    os.mkfifo(tmp_path / "pipe")
    pipe = str(tmp_path / "pipe")
    with pytest.raises(UsageError, match=r"--html .*pipe: is also read or written"):
        check_outputs([("--json", pipe), ("--html", pipe)], ())


def test_the_file_behind_a_link_counts(tmp_path):
    (tmp_path / "link").symlink_to("no/file")
    with pytest.raises(UsageError, match=r"there is no folder .*no: create it first"):
        check_output(str(tmp_path / "link"), "output")
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(UsageError, match="Too many levels"):
        check_output(str(tmp_path / "round"), "output")


@pytest.mark.parametrize("name", ["", "a\0b", "a\ud800", "x" * 256])
def test_names_that_cannot_be(name):
    with pytest.raises(UsageError, match=r"output .*name"):
        check_output(name, "output")


def test_the_longest_name_is_fine(tmp_path):
    check_output(str(tmp_path / ("x" * 255)), "output")


def test_other_names_of_a_file_are_told(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (note,) = check_outputs([("output", str(tmp_path / "a"))], [None, str(tmp_path / "none")])
    assert "has 2 names (hard links); the others keep the old content" in note


def test_a_file_that_is_mounted_by_itself(tmp_path):
    """As containers get single files."""
    target = tmp_path / "out.onnx"
    target.touch()
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as source:
        command = ["mount", "--bind", source.name, str(target)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"nothing can be mounted: {made.stderr.splitlines()[0]}")
    try:
        if target.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("all folders are of one file system")
        with pytest.raises(UsageError, match="is mounted by itself and cannot be replaced"):
            check_output(str(target), "output")
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_standard_output_is_known(tmp_path):
    (tmp_path / "link").symlink_to("/dev/stdout")
    assert is_stdout(None, "/dev/stdout") and is_stdout("/dev/fd/1") and is_stdout(str(tmp_path / "link"))
    assert not is_stdout(None, "/dev/stderr", os.devnull, str(tmp_path / "new"))
