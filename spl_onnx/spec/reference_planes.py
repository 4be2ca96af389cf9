"""From images as ONNX has them to channels-last bytes: the reference of ChannelsLastQuantize."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spl_onnx.arrays import Array
from spl_onnx.errors import ModelError
from spl_onnx.spec.codes import Code


def quantize_planes(x: NDArray[np.float32], yscale: Array | None) -> NDArray[np.uint8]:
    """ChannelsLastQuantize: the nearest bytes, channels last.

    Args:
        x: Images, float32 `[N,C,H,W]`.
        yscale: Scale and zero point of the bytes.

    Returns:
        uint8 `[N,H,W,C]`; not-a-number gives 0.

    Raises:
        ModelError: `x` is not float32 of rank 4, or `yscale` is missing or out of range.
    """
    if x.dtype != np.float32 or x.ndim != 4:
        raise ModelError(f"X is {x.dtype} {list(x.shape)}; wanted float32 [N,C,H,W]")
    return np.ascontiguousarray(Code.read("Yscale", yscale).levels(x).transpose(0, 2, 3, 1))
