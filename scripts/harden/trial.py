"""The process behind `mutants.py`: damages one model after the other and says what the tool makes of it."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

import spl_onnx
from scripts.harden.bases import REWRITTEN, base
from scripts.harden.damage import damaged
from spl_onnx.cli.main import main as command_line
from spl_onnx.data import input_specs
from spl_onnx.errors import SplError
from spl_onnx.rewrite.graph.boundary import UNFORESEEN

#: A process that asks for more has taken a made-up size for a real one.
_MEMORY_BYTES = 12 << 30
_MOST_ELEMENTS = 1 << 22
_FREE_SIZE = 8
_MODES: tuple[dict[str, Any], ...] = (
    {},
    {"rules": "all"},
    {"lossless": True},
    {"rules": "all", "no_verify": True},
)
_COMMANDS = ("inspect", "bench", "compare", "eval", None, None)
_ORIGINAL, _DATA = "original.onnx", "data.npz"
_INPUT_TYPES = {"tensor(float)": np.float32, "tensor(bool)": np.bool_, "tensor(int64)": np.int64}


class LeakError(Exception):
    """Something other than an error of the tool came out."""


def examine(content: bytes, file: Path, number: int, stage: Callable[[str], None]) -> dict[str, Any]:
    """Rewrite a damaged model, look at it with a command, and run what came of it.

    Args:
        content: the model file.
        file: where it is written.
        number: chooses options and command.
        stage: told what comes next, in case it is the last thing.

    Returns:
        `outcome` and `detail` as `mutants.py` counts them.
    """
    file.write_bytes(content)
    options = _MODES[number % len(_MODES)]
    try:
        stage(f"rewrite {options}")
        refusal = _rewrite(file, options, stage)
        command = _COMMANDS[number // len(_MODES) % len(_COMMANDS)]
        if command is not None:
            stage(command)
            _command(command, file)
    except LeakError as leak:
        return {"outcome": "leak", "detail": str(leak)}
    if refusal is not None:
        return {"outcome": "refused", "detail": refusal}
    stage("check of an accepted model")
    complaint = None if options.get("no_verify") else refused_by_all(file)
    if complaint is not None:
        return {"outcome": "invalid", "detail": complaint}
    return {"outcome": "clean", "detail": ""}


def _rewrite(file: Path, options: dict[str, Any], stage: Callable[[str], None]) -> str | None:
    """The tool's error in one line; None when the model was rewritten, which is then run too."""
    try:
        result = spl_onnx.rewrite(file, **options)
    except SplError as error:
        if str(error).startswith(UNFORESEEN):
            raise LeakError(f"{error} @ {_places(error.__cause__ or error)}") from error
        return _one_line(error)
    except Exception as error:
        raise LeakError(_traced(error)) from error
    stage("run of the rewritten model")
    run(result.model.SerializeToString())
    return None


def _one_line(error: SplError) -> str:
    text = str(error)
    if not text.isprintable():
        raise LeakError(f"not in one clean line: {text[:200]!r}")
    return f"{type(error).__name__}: {text[:200]}"


def _command(command: str, file: Path) -> None:
    data = ["--data", str(file.with_name(_DATA)), "--threads", "1"]
    words = {
        "inspect": [str(file)],
        "bench": [str(file), "--runs", "1", "--warmup", "0"],
        "compare": [str(file.with_name(_ORIGINAL)), str(file), *data],
        "eval": [str(file), *data],
    }
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command_line([command, *words[command]])
    lines = err.getvalue().splitlines()
    if len(lines) > 1 or (code and not lines) or UNFORESEEN in err.getvalue():
        raise LeakError(f"{command} ended with {code}: {err.getvalue()[:400]}")
    printed = out.getvalue() + err.getvalue()
    if not printed.replace("\n", "").isprintable():
        raise LeakError(f"{command} printed control characters: {printed[:400]!r}")


def _traced(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]} @ {_places(error)}"


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[::-1][:6]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)


def refused_by_all(file: Path) -> str | None:
    """What ONNX Runtime says of a model that it and onnx.checker refuse; None when one of them takes it."""
    try:
        onnx.checker.check_model(str(file))
    except Exception:
        try:
            _session(str(file))
        except Exception as error:
            return " ".join(str(error).split())[:300]
    return None


def _session(model: bytes | str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    spl_onnx.register(options)
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(content: bytes) -> None:
    """Run a model once with the operators of the tool; errors of ONNX Runtime are as good as results."""
    with contextlib.suppress(Exception):
        session = _session(content)
        feeds = {value.name: _values(value) for value in session.get_inputs()}
        session.run(None, feeds)


def _values(value: Any) -> np.ndarray:
    shape = [size if isinstance(size, int) and size >= 0 else _FREE_SIZE for size in value.shape]
    if float(np.prod(shape, dtype=np.float64)) > _MOST_ELEMENTS:
        raise ValueError("too large to try")
    return np.random.default_rng(0).standard_normal(shape).astype(_INPUT_TYPES[value.type])


def prepare(name: str, folder: Path) -> None:
    """Write the sound model of a base and data for it, as far as its first input is an array of floats."""
    model = onnx.load_from_string(base(name))
    (folder / _ORIGINAL).write_bytes(base(name))
    shape = input_specs(model)[0].shape or ()
    x = np.random.default_rng(0).standard_normal((4, *(size or _FREE_SIZE for size in shape[1:])))
    np.savez(folder / _DATA, x=x.astype(np.float32), y=np.arange(4))


def main(folder: Path) -> None:
    """Answer each line of standard input, a case, with a line of JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    answers = sys.stdout
    sys.stdout = sys.stderr

    def stage(name: str) -> None:
        (folder / "stage").write_text(name, encoding="utf-8")

    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        name, kind, number = json.loads(line)
        stage("damage")
        prepare(name, folder)
        content = damaged(base(name), kind, number)
        if name.endswith(REWRITTEN):
            stage("run of the damaged model")
            run(content)
        answer = examine(content, folder / "model.onnx", number, stage)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
