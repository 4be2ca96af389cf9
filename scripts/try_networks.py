"""Rewrites the ONNX models that other people's packages carry, in three modes, and says how each ended.

Every rewrite is a process of its own, as a user would start it, so that one that dies is counted and does not
end the others. The original is verified against the result by `spl-onnx rewrite` itself.

    python -m scripts.try_networks rapidocr-onnxruntime nudenet silero-vad
    python -m scripts.try_networks --keep downloads npm:@ricky0123/vad-web --table networks.md
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.packages import PackageError, fetch, find_models

MODES = {"default": [], "all": ["--rules", "all"], "lossless": ["--lossless"]}
#: Longer than any of these models takes; a rewrite that hangs must end some time.
TIME_LIMIT = 600.0
COLUMNS = ("package", "model", "candidates", *MODES, "what was said")


@dataclass(frozen=True)
class Outcome:
    """How one rewrite ended.

    Attributes:
        code: exit code; below 0 the number of the signal that ended it.
        seconds: how long it took.
        sites: rewritten sites; None where it failed.
        candidates: layers that some rule looked at; None where it failed.
        message: last line of its errors, or what the verification left out.
    """

    code: int
    seconds: float
    sites: int | None = None
    candidates: int | None = None
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether a model was written."""
        return self.code == 0

    def text(self) -> str:
        """For the table: sites, or how it failed."""
        if self.passed:
            return f"{self.sites} sites"
        return f"signal {-self.code}" if self.code < 0 else f"exit {self.code}"


def rewrite(model: Path, words: Sequence[str], folder: Path, limit: float = TIME_LIMIT) -> Outcome:
    """Rewrite one model in a process of its own.

    Args:
        model: the model file.
        words: flags of the mode.
        folder: where output and report are written.
        limit: seconds after which the process is ended.
    """
    output, report = folder / "out.onnx", folder / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "spl_onnx", "rewrite", str(model), str(output), "-q"]
    start = time.monotonic()
    try:
        done = subprocess.run(
            [*command, *words, "--json", str(report)], capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return Outcome(1, limit, message=f"ended after {limit:.0f} seconds")
    seconds = time.monotonic() - start
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [""]
        return Outcome(done.returncode, seconds, message=lines[-1].removeprefix("spl-onnx: error: "))
    content = json.loads(report.read_text(encoding="utf-8"))
    return Outcome(0, seconds, content["rewritten"], len(content["sites"]), _left_out(content))


def _left_out(report: dict[str, object]) -> str:
    """What the verification says it did not do."""
    checks = report.get("verification")
    values = checks.values() if isinstance(checks, dict) else [checks]
    return "; ".join(str(value) for value in values if str(value).startswith("skipped"))


def line(package: str, model: str, outcomes: dict[str, Outcome]) -> str:
    """One row of the table."""
    said = next((o.message for o in outcomes.values() if not o.passed), "")
    said = said or next((o.message for o in outcomes.values() if o.message), "")
    candidates = max((o.candidates or 0 for o in outcomes.values()), default=0)
    cells = (package, model, str(candidates), *(o.text() for o in outcomes.values()), said.replace("|", "/"))
    return f"| {' | '.join(cells)} |"


def header() -> str:
    """The first two rows of the table."""
    return f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def try_models(models: Iterable[Path], folder: Path) -> Iterator[tuple[Path, dict[str, Outcome]]]:
    """Every model in every mode."""
    for model in models:
        yield model, {mode: rewrite(model, words, folder) for mode, words in MODES.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit code 1 when a rewrite failed or a package could not be fetched."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="of PyPI, or npm:NAME")
    parser.add_argument("--keep", type=Path, help="folder for downloads, which are used again")
    parser.add_argument("--table", type=Path, help="file that the table is written to")
    args = parser.parse_args(argv)
    rows, failed = [header()], 0
    with tempfile.TemporaryDirectory(prefix="spl-onnx-") as scratch:
        keep = args.keep or Path(scratch) / "packages"
        for package in args.packages:
            try:
                root = fetch(package, keep)
            except PackageError as error:
                print(f"{package}: {error}", file=sys.stderr)
                failed += 1
                continue
            for model, outcomes in try_models(find_models(root), Path(scratch)):
                rows.append(line(package, model.name, outcomes))
                print(rows[-1], flush=True)
                failed += sum(not outcome.passed for outcome in outcomes.values())
    if args.table is not None:
        args.table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"{len(rows) - 1} models, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
