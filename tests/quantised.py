"""Models quantised by ONNX Runtime, as tests read them."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnxruntime import quantization as q

from tests.datasets import images, load_network

#: Images that ranges are those of.
CALIBRATION = 8


class _Samples:
    def __init__(self, name: str, samples: NDArray[Any]) -> None:
        self._feeds: Iterator[dict[str, NDArray[Any]]] = ({name: sample[None]} for sample in samples)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._feeds, None)


def quantised(
    model: onnx.ModelProto,
    samples: NDArray[Any],
    *,
    form: str = "QDQ",
    activations: str = "QUInt8",
    per_channel: bool = True,
    **options: Any,
) -> onnx.ModelProto:
    """`model`, which has one input, by `quantize_static` after its own preprocessing.

    Args:
        model: Float32.
        samples: For the ranges, along their first direction.
        form: QDQ or QOperator.
        activations: Type of the bytes between layers.
        per_channel: Whether every output has a scale of its weights.
        options: More of `quantize_static`.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, prepared, target = (
            Path(folder) / f"{name}.onnx" for name in ("source", "prepared", "target")
        )
        onnx.save(model, source)
        q.quant_pre_process(source, prepared, skip_symbolic_shape=True)
        q.quantize_static(
            prepared,
            target,
            _Samples(model.graph.input[0].name, samples),
            quant_format=q.QuantFormat[form],
            activation_type=q.QuantType[activations],
            weight_type=q.QuantType.QInt8,
            per_channel=per_channel,
            **options,
        )
        return onnx.load(target)


@functools.lru_cache(maxsize=4)
def _kept(name: str, form: str, activations: str) -> bytes:
    samples = images(name, CALIBRATION)[0]
    return quantised(load_network(name), samples, form=form, activations=activations).SerializeToString()


def quantised_network(name: str, form: str = "QDQ", activations: str = "QUInt8") -> onnx.ModelProto:
    """A real network, quantised per channel; skips the test where it is not there."""
    load_network(name)
    return onnx.load_from_string(_kept(name, form, activations))
