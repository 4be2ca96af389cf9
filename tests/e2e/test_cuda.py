"""Real networks with the CUDA provider: rewritten ones agree with the CPU, and no site falls back to it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from spl_onnx.errors import PluginError
from spl_onnx.measure.sessions import CUDA, create_session, run
from spl_onnx.plugin import get_cuda_library_path
from tests import datasets
from tests.e2e.networks import inputs, outputs, rewritten, share_of_equal_decisions

IMAGES = 25


@pytest.fixture(scope="module", autouse=True)
def cuda() -> None:
    """Skips, with the reason, where the CUDA provider cannot run the operators."""
    if CUDA not in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has no CUDA provider: scripts/test_cuda.sh, on a machine with a GPU")
    try:
        get_cuda_library_path()
        create_session(datasets.load_network("mnist_lenet"), provider="cuda")
    except PluginError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", datasets.NETWORKS)
def test_lossless_networks_agree_with_the_cpu(name: str) -> None:
    x = inputs(name, IMAGES)
    model = rewritten(name, lossless=True).model
    cpu, gpu = (outputs(model, x, provider=provider) for provider in ("cpu", "cuda"))
    # Layers that stay dense may use TF32 there: 10 bits of mantissa, over some ten layers.
    np.testing.assert_allclose(gpu, cpu, rtol=0, atol=2.0**-10 * 20 * float(np.abs(cpu).max()))


@pytest.mark.parametrize("name", datasets.CLASSIFIERS)
def test_predicted_networks_decide_as_on_the_cpu(name: str) -> None:
    x = inputs(name, IMAGES)
    model = rewritten(name).model
    cpu, gpu = (outputs(model, x, provider=provider) for provider in ("cpu", "cuda"))
    assert share_of_equal_decisions(cpu, gpu) >= 1 - 1 / IMAGES


def test_the_nodes_run_on_the_gpu(tmp_path: Path) -> None:
    model = rewritten("mnist_lenet").model
    session = create_session(model, provider="cuda", profile=str(tmp_path / "profile"))
    run(session, {session.get_inputs()[0].name: inputs("mnist_lenet", 2)})
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    places = {
        event["args"].get("provider")
        for event in events
        if event.get("cat") == "Node" and event.get("args", {}).get("op_name") in ("SRMM", "SPLPredict")
    }
    assert places == {CUDA}
