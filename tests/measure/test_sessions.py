"""Sessions: with the library where a model needs it, and errors in one line."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.errors import ModelError, PluginError, UsageError
from spl_onnx.measure import sessions
from spl_onnx.measure.sessions import create_session, run, uses_plugin
from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn, small_images


@pytest.fixture
def rewritten():
    return rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True)).model


def test_which_models_need_the_library(rewritten):
    assert uses_plugin(rewritten) and not uses_plugin(small_cnn())
    imported = small_cnn()
    imported.opset_import.add(domain="ai.spl.conv", version=1)
    assert not uses_plugin(imported), "ONNX Runtime saves such imports of models that have no such node"


def test_an_original_needs_no_library(monkeypatch):
    def missing(options):
        raise PluginError("missing")

    monkeypatch.setattr(sessions, "register", missing)
    assert run(create_session(small_cnn(), threads=1), {"input": small_images(2)})[0].shape == (2, 5)


def test_a_rewritten_model_without_library_fails_or_falls_back(monkeypatch, rewritten, tmp_path):
    def missing(options):
        raise PluginError("missing")

    onnx.save(rewritten, tmp_path / "m.onnx")
    monkeypatch.setattr(sessions, "register", missing)
    for model in (rewritten, tmp_path / "m.onnx", str(tmp_path / "m.onnx")):
        with pytest.raises(PluginError, match="missing"):
            create_session(model)
    x = small_images(2)
    dense = run(create_session(small_cnn()), {"input": x})[0]
    np.testing.assert_allclose(
        run(create_session(rewritten, plugin=False), {"input": x})[0], dense, atol=1e-5
    )


def test_large_models_go_through_files(monkeypatch):
    monkeypatch.setattr(sessions, "IN_MEMORY_LIMIT", 100)
    saved = []
    original = sessions.save_model
    monkeypatch.setattr(sessions, "save_model", lambda m, path: (saved.append(path), original(m, path)))
    assert run(create_session(small_cnn()), {"input": small_images(2)})[0].shape == (2, 5)
    assert len(saved) == 1 and not saved[0].parent.exists()


def test_models_that_do_not_load(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"m\.onnx: ONNX Runtime cannot load it") as caught:
        create_session(tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)
    broken = small_cnn()
    broken.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(ModelError, match=r"the model in memory: ONNX Runtime cannot load it.*NoSuchOperator"):
        create_session(broken)


def test_inputs_that_do_not_run():
    with pytest.raises(ModelError, match="running the model failed"):
        run(create_session(small_cnn()), {"input": np.zeros((1, 3, 9, 8), np.float32)})


def test_unknown_providers_are_refused():
    with pytest.raises(UsageError, match="--provider: got 'tpu', wanted one of cpu, cuda"):
        create_session(small_cnn(), provider="tpu")


def test_a_runtime_without_cuda_is_refused(monkeypatch):
    monkeypatch.setattr(sessions.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(PluginError, match="has CPUExecutionProvider, wanted CUDAExecutionProvider"):
        create_session(small_cnn(), provider="cuda")


@pytest.fixture
def pretended_cuda(monkeypatch):
    """A runtime that says it has the CUDA provider, and takes the CPU."""
    asked = []
    original = sessions._session

    def on_cpu(source, options, providers):
        asked.append(providers)
        return original(source, options, ["CPUExecutionProvider"])

    monkeypatch.setattr(sessions.ort, "get_available_providers", lambda: [sessions.CUDA])
    monkeypatch.setattr(sessions.ort, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(sessions, "_session", on_cpu)
    return asked


def test_cuda_that_does_not_start_is_an_error(pretended_cuda):
    with pytest.raises(PluginError, match="could not start CUDA and took the CPU"):
        create_session(small_cnn(), provider="cuda")
    assert pretended_cuda == [["CUDAExecutionProvider", "CPUExecutionProvider"]]


def test_a_rewritten_model_needs_the_cuda_operators(pretended_cuda, monkeypatch, rewritten):
    def missing():
        raise PluginError("no CUDA operators")

    monkeypatch.setattr(sessions, "get_cuda_library_path", missing)
    with pytest.raises(PluginError, match="no CUDA operators"):
        create_session(rewritten, provider="cuda")
    with pytest.raises(PluginError, match="could not start"):
        create_session(small_cnn(), provider="cuda")
