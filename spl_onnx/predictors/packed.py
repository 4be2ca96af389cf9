"""Predictor weights that are not those of the layer, as one line of text for a plan.

The text is base64 of zlib of three parts: the largest size of each filter's weights (float32, `[O]`), one bit
per weight that is kept (rows of bits, padded to bytes at the end), and the kept weights in order, divided by
that size, in float16. A predictor needs no more digits than that, and everything is little endian.
"""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np

from spl_onnx.arrays import Array
from spl_onnx.errors import RuleError
from spl_onnx.predictors.weights import Float, layer_weights

#: The weights are nearly random bits, so that trying harder gains nothing.
_LEVEL = 1


def pack(weights: Array) -> str:
    """Weights `[O,...]` as text; zeros are those that are not kept.

    Raises:
        RuleError: A weight is not finite, or there are none.
    """
    rows = layer_weights(weights).reshape(len(weights), -1)
    size = np.abs(rows).max(axis=1)
    # Values next to the least normal number do not matter, but must not divide to infinity.
    size = np.where(size > np.finfo(np.float32).tiny, size, np.float32(1)).astype("<f4")
    small = (rows / size[:, None]).astype("<f2")
    kept = rows != 0
    parts = size.tobytes(), np.packbits(kept).tobytes(), small[kept].tobytes()
    return base64.b64encode(zlib.compress(b"".join(parts), _LEVEL)).decode("ascii")


def unpack(text: str, shape: tuple[int, ...]) -> Float:
    """The weights in `text`.

    Args:
        text: From `pack`, perhaps edited.
        shape: Of the layer's weights, `[O,...]`.

    Raises:
        RuleError: The text is damaged, or was made for weights of another shape.
    """
    outputs, products = shape[0], int(np.prod(shape[1:]))
    bits = -(-outputs * products // 8)
    least, most = 4 * outputs + bits, 4 * outputs + bits + 2 * outputs * products
    content = _decompressed(text, most, shape)
    if len(content) < least:
        raise _damaged(shape)
    size = np.frombuffer(content, "<f4", outputs)
    flags = np.frombuffer(content, np.uint8, bits, 4 * outputs)
    kept = np.unpackbits(flags, count=outputs * products).astype(bool)
    if len(content) != least + 2 * int(kept.sum()):
        raise _damaged(shape)
    made = np.zeros(outputs * products, np.float32)
    made[kept] = np.frombuffer(content, "<f2", offset=least)
    with np.errstate(over="ignore", invalid="ignore"):  # edited text may hold anything
        made = made.reshape(outputs, products) * size[:, None].astype(np.float32)
    if not np.isfinite(made).all():
        raise _damaged(shape)
    return np.asarray(made.reshape(shape), np.float32)


def _decompressed(text: str, most: int, shape: tuple[int, ...]) -> bytes:
    """What was compressed, if it is `most` bytes or fewer: text of a stranger may blow up."""
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(base64.b64decode(text, validate=True), most + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise _damaged(shape) from error
    if len(content) > most or not unpacking.eof:
        raise _damaged(shape)
    return content


def _damaged(shape: tuple[int, ...]) -> RuleError:
    return RuleError(
        f"weights of the predictor are damaged or of another shape; wanted {list(shape)} as --plan-out wrote "
        "them; make the plan again, or leave them out"
    )
