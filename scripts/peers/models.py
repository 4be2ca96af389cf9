"""The model files that engines open: made once, kept in a folder and used again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx

import spl_onnx
from scripts.networks import Array
from scripts.peers.examples import Examples
from scripts.peers.ours import VARIANTS, Search, Variant, options_of, rewrite
from scripts.peers.workers import EngineError
from spl_onnx.rewrite.model.model_io import save_model

#: Images that the int8 model is calibrated on.
CALIBRATION = 64


@dataclass(frozen=True)
class Models:
    """Models of one network.

    Attributes:
        folder: where they are kept. What is there is not made again: a folder belongs to one version of the
            product and of ONNX Runtime.
        name: of the network.
        read: gives the network.
        examples: its images.
    """

    folder: Path
    name: str
    read: Callable[[], onnx.ModelProto]
    examples: Examples

    def float32(self) -> Path:
        """The network as it is."""
        return self._kept("float32", lambda path: save_model(self.read(), path))

    def int8(self) -> Path:
        """Quantised by ONNX Runtime: QDQ, weights int8 per channel, activations uint8, ranges by MinMax.

        Raises:
            EngineError: ONNX Runtime cannot quantise it.
        """
        calibration = self.examples.seen[:CALIBRATION]
        source = self.float32()
        return self._kept("int8", lambda path: quantise(source, path, calibration))

    def ours(self, variant: str, search: Search) -> Path:
        """Rewritten by one of `VARIANTS`; searches are kept apart by all that they were given.

        Raises:
            EngineError: it cannot be rewritten so.
        """
        asked = VARIANTS[variant]
        arguments = [options_of(asked, search), asdict(search), len(self.examples.seen)]
        told = [spl_onnx.__version__, *(arguments if asked.searches else arguments[:1])]
        key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
        return self._kept(
            f"{variant.replace(' ', '_')}.{key}",
            lambda path: save_model(rewrite(self._source(asked), asked, search, self.examples), path),
        )

    def _source(self, asked: Variant) -> onnx.ModelProto:
        """What a variant reads."""
        return onnx.load(self.int8()) if asked.quantised else self.read()

    def _kept(self, kind: str, make: Callable[[Path], object]) -> Path:
        """A file of the folder, which is there only when it is complete."""
        path = self.folder / f"{self.name}.{kind}.onnx"
        if not path.is_file():
            started = path.with_suffix(".making")
            make(started)
            started.replace(path)
        return path


class _Images:
    """Images one by one, as ONNX Runtime's calibration reads them."""

    def __init__(self, name: str, images: Array) -> None:
        self._feeds: Iterator[dict[str, Array]] = ({name: image[None]} for image in images)

    def get_next(self) -> dict[str, Array] | None:
        """The next image, None behind the last."""
        return next(self._feeds, None)


def quantise(source: Path, target: Path, images: Array) -> None:
    """Static quantisation by ONNX Runtime, after its own preprocessing.

    Args:
        source: a float32 model with one input.
        target: the file to write.
        images: [n, C, H, W], for the ranges.

    Raises:
        EngineError: ONNX Runtime cannot, or lacks a package that it needs for this.
    """
    from onnxruntime import quantization as q

    name = onnx.load(source, load_external_data=False).graph.input[0].name
    prepared = target.with_suffix(".prepared")
    try:
        q.quant_pre_process(source, prepared)
        q.quantize_static(
            prepared,
            target,
            _Images(name, images),
            quant_format=q.QuantFormat.QDQ,
            per_channel=True,
            activation_type=q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8,
            calibrate_method=q.CalibrationMethod.MinMax,
        )
    except Exception as error:  # of any kind: what it raises is not documented
        raise EngineError(f"not quantised: {' '.join(str(error).split())}") from error
    finally:
        prepared.unlink(missing_ok=True)
