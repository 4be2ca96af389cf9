"""What killed runs left goes; nothing else does."""

from __future__ import annotations

import os

import pytest

from spl_onnx.files.litter import remove_litter, remove_unused
from spl_onnx.files.temporary import NAMES, Temporary

TEMPORARY = ".spl-onnx-0123456789abcdef.tmp"
LIST = ".spl-onnx-0123456789abcdef.names"
DATA = "m.onnx.0123456789abcdef.data"


def test_files_of_dead_runs_go_and_those_of_living_ones_stay(tmp_path):
    (tmp_path / TEMPORARY).write_bytes(b"half a mod")
    with Temporary(tmp_path) as living, Temporary(tmp_path, ending=NAMES) as listed:
        remove_litter(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {living.path.name, listed.path.name}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_only_looks_like_one_stays(tmp_path, kind):
    target, path = tmp_path / "target", tmp_path / TEMPORARY
    target.write_text("content")
    {"link": lambda: path.symlink_to(target), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    before = os.lstat(path)
    remove_litter(tmp_path)
    assert os.lstat(path) == before and target.read_text() == "content"


@pytest.mark.parametrize(
    "name", [".m.onnx.4711.tmp", "spl-onnx-0123456789abcdef.tmp", ".spl-onnx-1.tmp", f"{TEMPORARY}.txt", DATA]
)
def test_files_of_other_names_stay(tmp_path, name):
    (tmp_path / name).touch()
    remove_litter(tmp_path)
    assert (tmp_path / name).exists()


def test_names_that_a_dead_run_was_about_to_give_or_remove(tmp_path):
    used = "m.onnx.0000000000000000.data"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / DATA).touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in (DATA, used, "m.onnx.data", "precious"):
        (folder / name).touch()
    (folder / "m.onnx").write_bytes(b"\x08" + used.encode())
    names = [DATA, used, "m.onnx.data", "precious", f"../outside/{DATA}", "", "\0", "missing." + DATA]
    (folder / LIST).write_text("\n".join(names))
    remove_litter(folder)
    assert {path.name for path in folder.iterdir()} == {used, "m.onnx.data", "precious", "m.onnx"}
    assert (outside / DATA).exists()


def test_a_folder_that_cannot_be_looked_at(tmp_path):
    remove_litter(tmp_path / "none")
    remove_unused(tmp_path / "none", {DATA})


def test_what_cannot_be_removed_stays(tmp_path, monkeypatch):
    (tmp_path / TEMPORARY).touch()
    (tmp_path / DATA).touch()

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "unlink", refuse)
    remove_litter(tmp_path)
    remove_unused(tmp_path, {DATA})
    assert len(list(tmp_path.iterdir())) == 2
