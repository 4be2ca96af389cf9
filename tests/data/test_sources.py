"""The right reader for each kind of data, and batch sizes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from spl_onnx.data.images import ImageFolderReader
from spl_onnx.data.npz import NpzReader
from spl_onnx.data.sources import DEFAULT_BATCH, DataOptions, batch_size, open_data
from spl_onnx.errors import DataError, UsageError
from tests.data.specs import FIXED_SPEC, IMAGE_SPEC, VECTOR_SPEC


@pytest.fixture
def npz(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((5, 3, 8, 8), np.float32))
    return tmp_path / "a.npz"


def test_kinds(tmp_path, npz):
    assert isinstance(open_data(str(npz), [IMAGE_SPEC]), NpzReader)
    assert isinstance(open_data(tmp_path, [IMAGE_SPEC]), NpzReader)
    npz.unlink()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    options = DataOptions(preprocess="unit")
    assert isinstance(open_data(tmp_path, [IMAGE_SPEC], options), ImageFolderReader)


def test_images_need_to_be_told_their_preprocessing(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"give --preprocess .*, or --mean and --std"):
        open_data(tmp_path, [IMAGE_SPEC])
    own = DataOptions(mean=(1.0,), std=(2.0,), channel_order="bgr")
    x = open_data(tmp_path, [IMAGE_SPEC], own).get_next()["input"]
    assert (x == np.float32(-0.5)).all()


def test_flags_replace_parts_of_a_preset():
    pixels = DataOptions(preprocess="caffe", channel_order="rgb", resize=256).pixels()
    assert pixels.mean == (104.0, 117.0, 123.0) and pixels.channel_order == "rgb" and pixels.resize == 256


def test_images_for_two_inputs(tmp_path):
    with pytest.raises(DataError, match="images feed one input, got a model with 2"):
        open_data(tmp_path, [IMAGE_SPEC, VECTOR_SPEC])


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(DataError, match="not found"):
        open_data(tmp_path / "nothing", [IMAGE_SPEC])
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"got a \.txt file, wanted \.npz or a folder"):
        open_data(tmp_path / "a.txt", [IMAGE_SPEC])


def test_batch_sizes():
    assert batch_size([IMAGE_SPEC], DataOptions()) == DEFAULT_BATCH
    assert batch_size([IMAGE_SPEC], DataOptions(batch=5)) == 5
    assert batch_size([FIXED_SPEC], DataOptions()) == 2
    with pytest.raises(UsageError, match="--batch: got 5, wanted 2"):
        batch_size([FIXED_SPEC], DataOptions(batch=5))


def test_a_remainder_that_the_model_cannot_take(npz):
    with pytest.raises(
        DataError, match="got 5 samples, but the model takes exactly 2 at a time: use --limit 4"
    ):
        open_data(npz, [FIXED_SPEC])
    reader = open_data(npz, [FIXED_SPEC], DataOptions(limit=4))
    assert [len(f["input"]) for f in iter(reader.get_next, None)] == [2, 2]


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"batch": -1}, {"preprocess": "torch"}])
def test_options_out_of_range(wrong):
    with pytest.raises(UsageError, match="got"):
        DataOptions(**wrong)
