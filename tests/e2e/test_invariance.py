"""The operators give the same bits for every thread count and whatever else is in the batch.

Compared are the tensors the operators write. A network's last Gemm is ONNX Runtime's own, and that one does
change its last bits with the batch.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.sites import converted_sites, is_operator
from spl_onnx.measure.statistics import extra_outputs
from spl_onnx.spec.attributes import SRMM
from tests import datasets
from tests.e2e import networks

#: Networks where all layers up to the last site are ours or exact in any order (pooling, concatenation).
WHOLE = ("googlenet", "squeezenet1.1", "cifar10_resnet20", "cifar10_vgg", "mnist_lenet", "dncnn25")


def watched_session(name, threads, lossless=False):
    """A session that gives out what every operator writes."""
    model = networks.rewritten(name, lossless=lossless).model
    values = [node.output[0] for node in model.graph.node if is_operator(node, SRMM)]
    selections = [site.selection for site in converted_sites(model) if site.selection]
    with extra_outputs(model, values + selections, set(selections)):
        return create_session(model, threads=threads), values + selections


def images(name, count):
    x = networks.inputs(name, count)
    return x[:, :, :64, :96] if name in datasets.DENOISERS else x


def assert_same_bits(got, wanted, names):
    for a, b, name in zip(got, wanted, names, strict=True):
        assert a.tobytes() == b.tobytes(), f"{name} differs"


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("name", WHOLE)
def test_thread_counts(plugin_path, name, lossless):
    """A node learns from its first runs how many threads there are, and cuts the work of later ones by it."""
    feeds = {"input": images(name, 3)}
    single, names = watched_session(name, 1, lossless)
    wanted = run(single, feeds, names)
    for threads in (2, 4):
        session, _ = watched_session(name, threads, lossless)
        for _ in range(3):
            assert_same_bits(run(session, feeds, names), wanted, names)


@pytest.mark.parametrize("name", WHOLE)
def test_an_image_alone_and_in_a_batch(plugin_path, name):
    x = images(name, 5)
    # A neighbour a thousand times as large would spoil a scale that is taken over the batch.
    x = np.concatenate([x, x[:1] * 1000])
    session, names = watched_session(name, 2)
    together = run(session, {"input": x}, names)
    for i in (0, 3):
        alone = run(session, {"input": x[i : i + 1]}, names)
        assert_same_bits(alone, [value[i : i + 1] for value in together], names)


@pytest.mark.parametrize("name", ["cifar10_vgg", "squeezenet1.1"])
def test_two_threads_share_a_session(plugin_path, name):
    session, names = watched_session(name, 2)
    x = images(name, 8)
    wanted = [run(session, {"input": x[i : i + 1]}, names) for i in range(8)]
    wrong = []

    def work(order):
        for i in order:
            got = run(session, {"input": x[i : i + 1]}, names)
            wrong.extend(
                n for a, b, n in zip(got, wanted[i], names, strict=True) if a.tobytes() != b.tobytes()
            )

    workers = [threading.Thread(target=work, args=(order,)) for order in (range(8), range(7, -1, -1))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
