"""Pixels to network input: crop, channel order, mean and standard deviation."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spl_onnx.errors import DataError, UsageError

CHANNEL_ORDERS = ("rgb", "bgr")
#: An image that is scaled to more than this is too long for its width.
_MOST_PIXELS = 1 << 28


@dataclass(frozen=True)
class Preprocess:
    """value = (pixel - mean) / std per channel, pixels on the 0..255 scale.

    Attributes:
        mean: one value per channel, in the order of `channel_order`; one value serves all channels.
        std: as `mean`.
        channel_order: "rgb" or "bgr". Images for one-channel networks are read as grey.
        resize: length in pixels the short side is scaled to before the crop; None = scale only an image that
            is smaller than the crop.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    channel_order: str = "rgb"
    resize: int | None = None

    def __post_init__(self) -> None:
        """Reject settings that mean nothing.

        Raises:
            UsageError: a standard deviation is not above 0, or a name or size is unknown.
        """
        if self.channel_order not in CHANNEL_ORDERS:
            wanted = " or ".join(CHANNEL_ORDERS)
            raise UsageError(f"--channel-order: got {self.channel_order!r}, wanted {wanted}")
        if not all(0 < value < math.inf for value in self.std):
            raise UsageError(f"--std: got {self.std}, wanted values above 0, on the 0..255 scale")
        if not all(math.isfinite(value) for value in self.mean):
            raise UsageError(f"--mean: got {self.mean}, wanted finite values, on the 0..255 scale")
        if self.resize is not None and self.resize < 1:
            raise UsageError(f"--resize: got {self.resize}, wanted a length in pixels above 0")


PRESETS = {
    "imagenet": Preprocess((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255)),
    "caffe": Preprocess((104.0, 117.0, 123.0), (1.0,), "bgr"),
    "tf": Preprocess((128.0,), (128.0,)),
    "unit": Preprocess((0.0,), (255.0,)),
}


def pillow() -> ModuleType:
    """The module `PIL.Image`.

    Raises:
        DataError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise DataError("reading images needs Pillow, which is not installed: pip install pillow") from None
    return Image


def load_pixels(path: Any, channels: int, size: tuple[int, int], resize: int | None) -> NDArray[np.uint8]:
    """Decode an image, scale its short side and cut the centre.

    Args:
        path: file.
        channels: 1 (grey) or 3 (RGB).
        size: (height, width) of the crop.
        resize: length of the short side before the crop; None scales only images smaller than the crop.

    Returns:
        [height, width, channels] uint8.

    Raises:
        DataError: the file is missing or no image, is too large, or smaller than the crop after `resize`.
    """
    image_module = pillow()
    try:
        with warnings.catch_warnings():
            # Pillow warns of images above its limit, and refuses those of twice as many pixels.
            warnings.simplefilter("ignore", image_module.DecompressionBombWarning)
            with image_module.open(path) as image:
                image = _eight_bits(image, image_module).convert("L" if channels == 1 else "RGB")
                image = _scale(image, size, resize, image_module)
                pixels = np.asarray(image, np.uint8)
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever the damage leads to
        raise DataError(f"{path}: cannot be read as an image: {error}") from error
    pixels = pixels.reshape(pixels.shape[0], pixels.shape[1], channels)
    return _centre_crop(pixels, size, path)


def _eight_bits(image: Any, image_module: ModuleType) -> Any:
    """The upper 8 bits of an image with 16 per pixel, as colour images are read; others as they are.

    Pillow's own conversion would cut off everything above 255.
    """
    if not image.mode.startswith("I"):
        return image
    return image_module.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))


def _scale(image: Any, size: tuple[int, int], resize: int | None, image_module: ModuleType) -> Any:
    """Scale the short side to `resize`, or up to the crop when the image is smaller than it."""
    width, height = image.size
    if resize is not None:
        factor = resize / min(width, height)
    else:
        factor = max(1.0, size[0] / height, size[1] / width)
    if factor == 1.0:
        return image
    scaled = max(1, round(width * factor)), max(1, round(height * factor))
    if scaled[0] * scaled[1] > _MOST_PIXELS:
        raise DataError(
            f"an image of {height}x{width} pixels would have {scaled[1]}x{scaled[0]} when scaled, "
            f"wanted at most {_MOST_PIXELS} pixels in all"
        )
    return image.resize(scaled, image_module.Resampling.BILINEAR)


def _centre_crop(pixels: NDArray[np.uint8], size: tuple[int, int], path: Any) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if height < size[0] or width < size[1]:
        raise DataError(
            f"{path}: got {height}x{width} pixels after --resize, "
            f"wanted at least the input size {size[0]}x{size[1]}"
        )
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return pixels[top : top + size[0], left : left + size[1]]


def normalise(pixels: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.float32]:
    """Pixels to network input.

    Args:
        pixels: [N, H, W, C] uint8; RGB when C is 3.
        preprocess: mean, standard deviation and channel order.

    Returns:
        [N, C, H, W] float32.

    Raises:
        DataError: mean or standard deviation have neither 1 nor C values.
    """
    channels = pixels.shape[-1]
    for name, given in (("mean", preprocess.mean), ("std", preprocess.std)):
        if len(given) not in (1, channels):
            raise DataError(f"--{name}: got {len(given)} values, wanted 1 or {channels}, one per channel")
    ordered = pixels[..., ::-1] if preprocess.channel_order == "bgr" else pixels
    mean = np.asarray(preprocess.mean, np.float32)
    std = np.asarray(preprocess.std, np.float32)
    values = (ordered.astype(np.float32) - mean) / std
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))
