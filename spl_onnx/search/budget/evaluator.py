"""Judging configurations once: what was judged is remembered, in a journal on disk where one is wanted.

The journal is what `--resume` reads: a long search that was stopped goes on where it was, as all it knows is
the quality of the configurations it asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spl_onnx.arrays import Array
from spl_onnx.errors import UsageError
from spl_onnx.files import locked_journal
from spl_onnx.progress import Progress, silent
from spl_onnx.search.budget.quality import Judge, Quality
from spl_onnx.search.network.runner import NetworkRunner
from spl_onnx.search.settings import Config

JOURNAL_VERSION = 1
_NUMBERS = ("drop", "divergence")


class Journal:
    """Qualities by configuration, appended to a file line by line.

    Args:
        path: the file; None keeps them in memory only.
        fingerprint: of the network, the samples and everything else that a quality depends on.

    Raises:
        UsageError: the file is of another search, or no journal, or cannot be read or written.
    """

    def __init__(self, path: str | Path | None, fingerprint: str) -> None:
        self._path = None if path is None else Path(path)
        self._known: dict[str, Quality] = {}
        if self._path is None:
            return
        with self._reported(), locked_journal(self._path) as file:
            text = file.read().decode("utf-8")
            if text:
                self._read(text, fingerprint)
                if not text.endswith("\n"):
                    file.write(b"\n")
            else:
                file.write(_line({"version": JOURNAL_VERSION, "fingerprint": fingerprint}))

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str) -> Quality | None:
        """The quality of a configuration that was judged before."""
        return self._known.get(key)

    def add(self, key: str, quality: Quality) -> None:
        """Remember a quality.

        Raises:
            UsageError: the file cannot be written any more.
        """
        self._known[key] = quality
        if self._path is not None:
            with self._reported(), locked_journal(self._path, create=False) as file:
                file.write(_line({"key": key, "drop": quality.drop, "divergence": quality.divergence}))

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--resume {self._path}: cannot be used ({error}): choose another path"
            ) from error

    def _read(self, text: str, fingerprint: str) -> None:
        """Take over the entries; the last line may be cut off where the search was killed."""
        lines = text.splitlines()
        head = _entry(lines[0])
        if head.get("version") != JOURNAL_VERSION or "fingerprint" not in head:
            raise UsageError(
                f"--resume {self._path}: got a file that is no journal of a search: choose another"
            )
        if head["fingerprint"] != fingerprint:
            raise UsageError(
                f"--resume {self._path}: it belongs to a search with another model, data or options: "
                "repeat the command it was made with, or choose another path"
            )
        for line in lines[1:]:
            entry = _entry(line)
            if isinstance(entry.get("key"), str) and all(_is_number(entry.get(name)) for name in _NUMBERS):
                self._known[entry["key"]] = Quality(*(float(entry[name]) for name in _NUMBERS))


def _line(entry: dict[str, Any]) -> bytes:
    return (json.dumps(entry) + "\n").encode()


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):  # also of numbers and lists of a length that nobody means
        return {}
    return entry if isinstance(entry, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, float) or value in (0, 1)


class Evaluator:
    """Runs the network for configurations that nobody has judged yet.

    Args:
        runner: the network with the samples.
        judge: compares its outputs with the original's.
        journal: what is known.
        part: names the samples in the journal.
    """

    def __init__(self, runner: NetworkRunner, judge: Judge, journal: Journal, part: str) -> None:
        self._runner, self._judge, self._journal, self._part = runner, judge, journal, part
        self._wanted: tuple[Config, str] | None = None
        #: Configurations that were run, those of the journal not counted.
        self.runs = 0

    def __call__(self, config: Config, progress: Progress = silent) -> Quality:
        """The quality of a configuration."""
        keys = {site: setting.key for site, setting in config.items() if setting.key}
        key = fingerprint([self._part, keys])
        known = self._journal.find(key)
        if known is not None:
            return known
        if self._wanted is not None:
            self._runner.hold(*self._wanted)
            self._wanted = None
        quality = self._judge.quality(self._runner.outputs(config, progress))
        self.runs += 1
        self._journal.add(key, quality)
        return quality

    def release(self) -> None:
        """Give back memory until the next configuration has to be run."""
        self._runner.release()

    def hold(self, config: Config, site: str) -> None:
        """The next configurations differ from `config` behind a site only.

        Nothing is run before one of them has to be judged.
        """
        self._wanted = (dict(config), site)


def fingerprint(content: object, *arrays: Array) -> str:
    """A short name for JSON content and arrays; the same on every machine."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode())
    for array in arrays:
        digest.update(str((array.dtype, array.shape)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:32]
