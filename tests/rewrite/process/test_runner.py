"""Running models in a child process that may die."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from spl_onnx.errors import PluginError
from spl_onnx.rewrite.process import child, runner
from spl_onnx.rewrite.process.child import Answer, Job
from spl_onnx.rewrite.process.runner import RunError, Runner
from tests.rewrite.builders import Net

X = {"x": np.float32([-1, 0, 2])}


def relu() -> bytes:
    made = Net()
    made.node("Relu", [made.input("x", [3])], "y")
    return made.model("y").SerializeToString()


#: What a child does with a job, as a program; the name of a model says how it goes wrong.
PROGRAM = """
import sys; sys.path[:] = {paths!r}
import os, signal, time
from spl_onnx.rewrite.process import child
real = child.answer
def answer(job):
    if job.model == "abort":
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGABRT)
    if job.model == "leave":
        os._exit(7)
    if job.model == "hang":
        time.sleep(60)
    return real(job)
child.answer = answer
child.serve({descriptor})
"""


@pytest.fixture
def fragile(monkeypatch):
    """Children that die on demand."""
    monkeypatch.setattr(runner, "_PROGRAM", PROGRAM)


def test_models_run_elsewhere():
    with Runner() as jobs:
        assert jobs.run(Job(relu(), X))[0][0].tolist() == [0, 0, 2]
        assert jobs._child is not None and jobs._child.pid != os.getpid()
        pid = jobs._child.pid
        jobs.run(Job(relu(), X))
        assert jobs._child.pid == pid, "one child serves all jobs"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_onnx_runtime_says():
    with Runner() as jobs, pytest.raises(RunError, match="protobuf"):
        jobs.run(Job(b"no model", X))


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("abort", "ended its process by SIGABRT: last words$"),
        ("leave", "ended its process with exit code 7$"),
    ],
)
def test_a_child_that_dies_is_a_message_and_the_next_job_has_another(fragile, model, text):
    with Runner() as jobs:
        with pytest.raises(RunError, match=text):
            jobs.run(Job(model, X))
        assert jobs.run(Job(relu(), X))[0][0].tolist() == [0, 0, 2]


def test_a_job_that_takes_too_long(fragile):
    with Runner(limit_s=0.5) as jobs:
        begin = time.monotonic()
        with pytest.raises(RunError, match=r"did not finish within 0\.5 s"):
            jobs.run(Job("hang", X))
        assert time.monotonic() - begin < 30


def test_a_library_that_cannot_be_used(monkeypatch):
    monkeypatch.setattr(Runner, "_ask", lambda self, job: Answer(problem="not built", unusable=True))
    with Runner() as jobs, pytest.raises(PluginError, match="not built"):
        jobs.run(Job(relu(), X))


@pytest.mark.parametrize("how", ["frozen", "no python", "no right", "broken"])
def test_without_a_child_jobs_run_here(monkeypatch, how):
    if how == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    elif how == "no python":
        monkeypatch.setattr(sys, "executable", "")
    elif how == "no right":
        monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    else:
        monkeypatch.setattr(runner, "_PROGRAM", "raise SystemExit(1)")
    with Runner() as jobs:
        assert jobs.run(Job(relu(), X))[0][0].tolist() == [0, 0, 2]
        assert jobs._child is None


def test_from_threads():
    got = []

    def work():
        with Runner() as jobs:
            got.append(jobs.run(Job(relu(), X))[0][0].tolist())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [[0, 0, 2]] * 3


def test_the_main_program_is_not_started_again(tmp_path):
    """Unlike with multiprocessing, a script without `if __name__ == "__main__"` is no trouble."""
    script = tmp_path / "script.py"
    script.write_text(
        "print('once', flush=True)\n"
        "import numpy as np\n"
        "from spl_onnx.rewrite.process.runner import Runner\n"
        "from spl_onnx.rewrite.process.child import Job\n"
        f"model = {relu()!r}\n"
        "with Runner() as jobs:\n"
        "    print(jobs.run(Job(model, {'x': np.float32([-1, 0, 2])}))[0][0].tolist())\n"
        "    assert jobs._child is not None\n"
    )
    import subprocess

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    made = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True
    )
    assert made.stdout == "once\n[0.0, 0.0, 2.0]\n"


def test_an_interrupt_is_the_parents_matter(fragile):
    with Runner() as jobs:
        jobs.run(Job(relu(), X))
        assert jobs._child is not None
        os.kill(jobs._child.pid, signal.SIGINT)
        assert jobs.run(Job(relu(), X))[0][0].tolist() == [0, 0, 2]


def test_no_core_file(monkeypatch):
    import resource

    before = resource.getrlimit(resource.RLIMIT_CORE)
    limits = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: limits.append((kind, limit)))
    child._leave_no_core_file()
    assert limits == [(resource.RLIMIT_CORE, (0, 0))]
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
