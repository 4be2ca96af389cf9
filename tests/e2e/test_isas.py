"""Each instruction set gives the same answers; each in a process, as it is chosen when the library loads."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from spl_onnx.measure.health import ISA_VARIABLE
from spl_onnx.measure.sites import converted_sites
from tests.e2e import networks

NETWORKS = ("cifar10_vgg", "squeezenet1.1", "mobilenet_v2")
ISAS = ("portable", "avx2", "avxvnni", "avx512", "avx512vnni")
IMAGES = 4

PROGRAM = """
import sys, numpy as np
from spl_onnx.measure.machine import active_isa
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.statistics import extra_outputs
from spl_onnx.rewrite.model.model_io import load_model

folder, isa, *networks = sys.argv[1:]
assert active_isa() == isa, f"asked for {isa}, runs {active_isa()}"
for item in networks:
    name, first = item.split("=")
    x = np.load(f"{folder}/{name}.npy")
    lossless = run(create_session(load_model(f"{folder}/{name}_lossless.onnx")), {"input": x})[0]
    model = load_model(f"{folder}/{name}_predicted.onnx")
    with extra_outputs(model, [first], {first}):
        session = create_session(model)
    predicted, selection = run(session, {"input": x}, [model.graph.output[0].name, first])
    np.savez(f"{folder}/{name}_{isa}.npz", lossless=lossless, predicted=predicted, selection=selection)
"""


@pytest.fixture(scope="module")
def results(plugin_path, tmp_path_factory):
    """What each instruction set of this machine computes, by instruction set and network."""
    _kernels = pytest.importorskip("spl_onnx._kernels", reason="the compiled module is not built")

    folder = tmp_path_factory.mktemp("isas")
    words = []
    for name in NETWORKS:
        np.save(folder / f"{name}.npy", networks.inputs(name, IMAGES))
        networks.rewritten(name).save(folder / f"{name}_predicted.onnx")
        networks.rewritten(name, lossless=True).save(folder / f"{name}_lossless.onnx")
        words.append(f"{name}={converted_sites(networks.rewritten(name).model)[0].selection}")
    names = [isa for isa in ISAS if isa in _kernels.isa_names()]
    for isa in names:
        call = [sys.executable, "-c", PROGRAM, str(folder), isa, *words]
        environment = {**os.environ, ISA_VARIABLE: isa, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(call, env=environment, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return {isa: {n: np.load(folder / f"{n}_{isa}.npz") for n in NETWORKS} for isa in names}


def of(results, isa, name):
    if isa not in results:
        pytest.skip(f"this processor does not run {isa}")
    return results[isa][name]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("isa", ISAS)
def test_exact_values_agree_to_rounding(results, isa, name):
    networks.assert_close_to_dense(
        of(results, isa, name)["lossless"], networks.original_outputs(name, IMAGES)
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("isa", ISAS)
def test_first_selection_has_the_same_bits(results, isa, name):
    """The first site reads the image itself; later ones read values that already differ in rounding."""
    np.testing.assert_array_equal(of(results, isa, name)["selection"], results["portable"][name]["selection"])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("isa", ISAS)
def test_decisions_are_those_of_the_portable_kernels(results, isa, name):
    got = of(results, isa, name)["predicted"]
    assert networks.share_of_equal_decisions(got, results["portable"][name]["predicted"]) == 1.0
