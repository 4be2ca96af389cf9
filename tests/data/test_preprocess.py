"""Pixels to input, against values written out by hand and the independent code in tests/datasets.py."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from spl_onnx.data.preprocess import PRESETS, Preprocess, load_pixels, normalise
from spl_onnx.errors import DataError, UsageError

PIXEL = np.array([[[[10, 20, 200]]]], np.uint8)


def one(preset):
    return normalise(PIXEL, PRESETS[preset])[0, :, 0, 0]


def test_presets():
    # float32 keeps 24 bits; two roundings of numbers below 256.
    close = {"rtol": 4 * np.finfo(np.float32).eps, "atol": 1e-6}
    np.testing.assert_allclose(one("caffe"), [200 - 104, 20 - 117, 10 - 123], **close)
    np.testing.assert_allclose(one("tf"), [(10 - 128) / 128, (20 - 128) / 128, (200 - 128) / 128], **close)
    np.testing.assert_allclose(one("unit"), [10 / 255, 20 / 255, 200 / 255], **close)
    wanted = [(10 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (200 / 255 - 0.406) / 0.225]
    np.testing.assert_allclose(one("imagenet"), wanted, rtol=1e-5)


def test_layout_is_nchw_and_contiguous():
    pixels = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    x = normalise(pixels, Preprocess())
    assert x.shape == (2, 3, 4, 5) and x.dtype == np.float32 and x.flags.c_contiguous
    assert x[1, 2, 3, 4] == pixels[1, 3, 4, 2]


def test_wrong_number_of_means():
    with pytest.raises(DataError, match="--mean: got 2 values, wanted 1 or 3"):
        normalise(PIXEL, Preprocess(mean=(1.0, 2.0)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channel_order": "rbg"}, "--channel-order: got 'rbg', wanted rgb or bgr"),
        ({"std": (1.0, 0.0, 1.0)}, "--std: got"),
        ({"resize": 0}, "--resize: got 0"),
    ],
)
def test_settings_that_mean_nothing(change, message):
    with pytest.raises(UsageError, match=message):
        Preprocess(**change)


@pytest.fixture
def picture(tmp_path):
    """20 wide, 10 high, the red value is the column."""
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[..., 0] = np.arange(20)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    return path


def test_centre_crop(picture):
    pixels = load_pixels(picture, 3, (10, 8), None)
    assert pixels.shape == (10, 8, 3)
    assert pixels[0, :, 0].tolist() == list(range(6, 14))


def test_short_side_is_scaled_first(picture):
    assert load_pixels(picture, 3, (20, 20), 20).shape == (20, 20, 3)
    # Without --resize only what is too small is scaled.
    assert load_pixels(picture, 3, (20, 40), None).shape == (20, 40, 3)


def test_grey(picture):
    assert load_pixels(picture, 1, (10, 20), None).shape == (10, 20, 1)


def test_smaller_than_the_crop_after_resize(picture):
    with pytest.raises(DataError, match="got 8x16 pixels after --resize, wanted at least the input size 9x9"):
        load_pixels(picture, 3, (9, 9), 8)


def test_not_an_image(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("no image")
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image"):
        load_pixels(path, 3, (4, 4), None)
    with pytest.raises(DataError, match=r"missing\.png"):
        load_pixels(tmp_path / "missing.png", 3, (4, 4), None)


def test_truncated_image(tmp_path):
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match="cannot be read as an image"):
        load_pixels(path, 3, (4, 4), None)


def test_without_pillow(monkeypatch, picture):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match="pip install pillow"):
        load_pixels(picture, 3, (4, 4), None)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_16_bits_keep_their_upper_8(tmp_path, channels):
    values = np.array([[0, 255, 256], [0x7FFF, 0x8000, 0xFFFF]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    pixels = load_pixels(tmp_path / "a.png", channels, (2, 3), None)
    assert pixels.shape == (2, 3, channels)
    assert pixels[..., 0].tolist() == [[0, 0, 1], [0x7F, 0x80, 0xFF]] == pixels[..., -1].tolist()


def image_file(path, size=(64, 64)):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "ppm", "webp"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6])
def test_truncated_images(tmp_path, suffix, share):
    path = image_file(tmp_path / f"a.{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="cannot be read as an image"):
        load_pixels(path, 3, (64, 64), None)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    path = image_file(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 // 2 - 1)
    with pytest.raises(DataError, match=r"cannot be read as an image: .*decompression bomb"):
        load_pixels(path, 3, (64, 64), None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 - 1)
    assert load_pixels(path, 3, (64, 64), None).shape == (64, 64, 3)


def test_a_thread_is_not_scaled_to_a_giant(tmp_path):
    Image.new("RGB", (20_000, 1)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="would have 224x4480000 when scaled"):
        load_pixels(tmp_path / "a.png", 3, (224, 224), None)


def test_a_file_name_that_no_file_can_have():
    with pytest.raises(DataError, match="cannot be read as an image"):
        load_pixels("a\0b.png", 3, (8, 8), None)


@pytest.mark.parametrize("part", ["mean", "std"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(part, value):
    with pytest.raises(UsageError, match=f"--{part}: got "):
        Preprocess(**{part: (1.0, value, 1.0)})
