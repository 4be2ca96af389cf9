"""What writing to a name means."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from spl_onnx.files.output import is_same_file, resolve_output


def test_a_plain_file(tmp_path):
    new = resolve_output(tmp_path / "new")
    assert new.path == tmp_path / "new" and new.old is None and not new.is_stream
    (tmp_path / "old").write_text("content")
    old = resolve_output(tmp_path / "old")
    assert old.old.st_size == 7 and old.link_folder is None


def test_a_link_means_its_file(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "near").symlink_to("file")
    (tmp_path / "far").symlink_to("folder/file")
    (tmp_path / "twice").symlink_to("near")
    near, far = resolve_output(tmp_path / "near"), resolve_output(tmp_path / "far")
    assert near.path == resolve_output(tmp_path / "twice").path == tmp_path / "file"
    assert near.link_folder is None, "the file is beside the link"
    assert far.path == tmp_path / "folder" / "file" and far.link_folder == tmp_path


def test_a_folder_that_is_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert resolve_output(tmp_path / "link" / "file").link_folder is None


def test_folders_are_followed_as_the_system_does(tmp_path):
    """no/../file is no other name of file while there is no folder no."""
    assert not resolve_output(tmp_path / "no" / ".." / "file").path.parent.is_dir()


def test_streams(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", os.devnull):
        output = resolve_output(path)
        assert output.is_stream and output.descriptor is None and output.path == Path(path)


def test_files_that_are_open_already(tmp_path):
    with (tmp_path / "file").open("w") as file:
        output = resolve_output(f"/dev/fd/{file.fileno()}")
        assert output.is_stream and output.descriptor == file.fileno()
    with (tmp_path / "file").open() as file, pytest.raises(OSError, match="is open for reading only"):
        resolve_output(f"/dev/fd/{file.fileno()}")
    with pytest.raises(OSError, match="Bad file descriptor"):
        resolve_output("/dev/fd/4321")


def test_what_nothing_can_be_written_to(tmp_path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "file").touch()
    refused = {"socket": "is a socket", ".": "is a folder", "round": "Too many", "file/x": "Not a directory"}
    for name, message in refused.items():
        with pytest.raises(OSError, match=message):
            resolve_output(tmp_path / name)


def test_one_file_by_two_names(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "soft").symlink_to("file")
    (tmp_path / "hard").hardlink_to(tmp_path / "file")
    (tmp_path / "other").touch()
    same = ["file", "soft", "hard", f"../{tmp_path.name}/file"]
    assert all(is_same_file(tmp_path / "file", tmp_path / name) for name in same)
    assert not is_same_file(tmp_path / "file", tmp_path / "other")
    assert is_same_file(tmp_path / "new", tmp_path / "." / "new")
    assert not is_same_file(tmp_path / "new", tmp_path / "file")
