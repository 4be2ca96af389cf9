"""The front door: exit codes, one-line errors, speed of starting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import spl_onnx
from spl_onnx.cli import main as front
from spl_onnx.cli.main import COMMANDS
from spl_onnx.errors import DataError, ModelError, PluginError, RuleError, UsageError, VerificationError
from tests.datasets import ELSEWHERE


def start(*words, program=("-m", "spl_onnx"), **options):
    """The command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    call = [sys.executable, *program, *words]
    return subprocess.run(call, env=environment, cwd=ELSEWHERE, capture_output=True, text=True, **options)


def test_version(call):
    assert call("--version") == (0, f"spl-onnx {spl_onnx.__version__}\n", "")


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help(call, command):
    code, out, _ = call(*command, "--help")
    assert code == 0 and out.startswith("usage: spl-onnx")
    for flag in (word for word in out.split() if word.startswith("--")):
        assert "_" not in flag, "flags are kebab-case"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("nonsense",), "invalid choice: 'nonsense'"),
        (("rewrite", "--nonsense"), "--nonsense"),
        (("bench",), "first"),
        (("eval", "m.onnx"), "--data"),
        (("rewrite", "a", "b", "--max-drop", "much"), "--max-drop"),
    ],
)
def test_wrong_usage_is_one_line(call, words, message):
    code, out, err = call(*words)
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert err.startswith("spl-onnx: error: ") and message in err and "--help" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VerificationError("x"), 1),
        (UsageError("x"), 2),
        (ModelError("x"), 3),
        (RuleError("x"), 3),
        (PluginError("x"), 4),
        (DataError("x"), 4),
        (ValueError("two\nlines"), 3),
        (OSError(28, "No space left on device"), 4),
        (MemoryError(), 4),
        (ImportError("No module named 'onnxruntime'"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_is_one_line_and_has_its_code(call, monkeypatch, error, code):
    def fail(*args):
        raise error

    monkeypatch.setattr("spl_onnx.cli.lib_path.get_library_path", fail)
    got, out, err = call("lib-path")
    assert (got, out) == (code, "") and err.startswith("spl-onnx: error: ") and err.count("\n") == 1


def test_verbose_adds_the_trace(call, monkeypatch):
    def fail():
        raise ValueError("deep down")

    monkeypatch.setattr("spl_onnx.cli.lib_path.get_library_path", fail)
    code, _, err = call("lib-path", "-v")
    assert (
        code == 3
        and "Traceback" in err
        and err.splitlines()[-1].startswith("spl-onnx: error: unexpected ValueError")
    )


def test_module_and_exit_code():
    done = start("rewrite", "no.onnx", "out.onnx")
    assert (
        done.returncode == 3 and done.stderr.startswith("spl-onnx: error: ") and done.stderr.count("\n") == 1
    )
    assert start("--version").stdout == f"spl-onnx {spl_onnx.__version__}\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc to see that work has begun")
def test_interrupting_is_one_line(model):
    call = [sys.executable, "-m", "spl_onnx", "bench", model, "--runs", "10000000"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        call,
        env=environment,
        cwd=ELSEWHERE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell hands an ignored SIGINT down to what it runs in the background, this test among it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until_running(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "spl-onnx: error: interrupted\n")


def wait_until_running(process):
    """Until ONNX Runtime has been loaded for a second."""
    for _ in range(300):
        if "onnxruntime_pybind11_state" in Path(f"/proc/{process.pid}/maps").read_text():
            time.sleep(1)
            return
        time.sleep(0.1)
    process.kill()
    pytest.fail("the command did not begin to work")


def test_a_reader_that_leaves_is_no_error(model):
    """As `spl-onnx inspect model | head -0`."""
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    call = [sys.executable, "-m", "spl_onnx", "inspect", model]
    done = subprocess.run(
        call, env=environment, cwd=ELSEWHERE, stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert done.returncode == 141 and done.stderr == ""


def test_starting_loads_nothing_heavy():
    program = (
        "-c",
        "import sys, spl_onnx.cli.main as m; m.build_parser();"
        "print([n for n in ('onnx', 'onnxruntime', 'numpy', 'rich') if n in sys.modules])",
    )
    done = start(program=program)
    assert done.stdout.strip() == "[]", done.stderr


def test_commands_are_modules_of_one_shape():
    import importlib

    for name in COMMANDS:
        module = importlib.import_module(f"spl_onnx.cli.{name.replace('-', '_')}")
        assert module.HELP and callable(module.add_arguments) and callable(module.run)
    assert front.COMMANDS == COMMANDS
