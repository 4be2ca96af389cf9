"""Real networks, rewritten, with their inputs; shared by the end-to-end tests.

Results are kept for the session: most tests look at the same runs from another side.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from spl_onnx.measure.metrics import decisions, psnr
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.result import RewriteResult
from spl_onnx.steps import rewrite_model
from tests import datasets

#: Images per run of a session.
BATCH = 25

Array = NDArray[Any]


@functools.cache
def rewritten(name: str, lossless: bool = False) -> RewriteResult:
    """The network with every site of every rule converted; the rewriter's own check is left to its tests."""
    options = RewriteOptions(rules="all", lossless=lossless, no_verify=True)
    return rewrite_model(datasets.load_network(name), options)


def inputs(name: str, count: int) -> Array:
    """The network's first inputs, [count, C, H, W] float32."""
    if name in datasets.DENOISERS:
        return datasets.set12()[0][:count]
    return datasets.images(name)[0][:count]


def outputs(model: onnx.ModelProto, x: Array, **options: Any) -> Array:
    """The first output for all images, in batches."""
    session = create_session(model, **options)
    name = session.get_inputs()[0].name
    parts = [run(session, {name: x[i : i + BATCH]})[0] for i in range(0, len(x), BATCH)]
    return np.concatenate(parts)


@functools.cache
def original_outputs(name: str, count: int) -> Array:
    """The original network's outputs in plain ONNX Runtime, without the library."""
    return outputs(datasets.load_network(name), inputs(name, count), plugin=False)


@functools.cache
def predicted_outputs(name: str, count: int) -> Array:
    """Outputs of the network with int8 predictions."""
    return outputs(rewritten(name).model, inputs(name, count))


def share_of_equal_decisions(a: Array, b: Array) -> float:
    """Share of images for which both decide alike."""
    return float(np.mean(decisions(a) == decisions(b)))


def mean_psnr(denoised: Array, clean: Array) -> float:
    """Mean over the images, in dB."""
    return float(psnr(denoised, clean).mean())


def assert_close_to_dense(got: Array, wanted: Array, rounding: float = 2e-4) -> None:
    """Equal up to float32 rounding through a deep network.

    A network of some 50 layers sums a few thousand products per value; with random signs the relative error
    grows as eps * sqrt(layers * length), about 6e-8 * sqrt(50 * 5000) = 3e-5 of the largest value. The bound
    is several times that, and a wrong selection or a lost bias is orders above it.
    """
    scale = float(np.abs(wanted).max())
    assert float(np.abs(got - wanted).max()) <= rounding * scale
