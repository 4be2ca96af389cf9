"""Folders of images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from spl_onnx.data.images import ImageFolderReader
from spl_onnx.data.inputs import InputSpec
from spl_onnx.data.preprocess import PRESETS, Preprocess
from spl_onnx.errors import DataError
from tests import datasets
from tests.data.specs import IMAGE_SPEC, VECTOR_SPEC


@pytest.fixture
def folder(tmp_path):
    """Images 0.png to 6.png, image i all of value i, class 10 + i."""
    for i in range(7):
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(tmp_path / f"{i}.png")
    rows = "".join(f"{i}.png,{10 + i}\n" for i in range(7))
    (tmp_path / "labels.csv").write_text("file,class\n" + rows)
    return tmp_path


def read(folder, batch=3, limit=None, preprocess=None):
    reader = ImageFolderReader(folder, IMAGE_SPEC, preprocess or Preprocess(), batch, limit)
    values, labels = [], []
    while (feeds := reader.get_next()) is not None:
        assert len(feeds["input"]) <= batch
        values += feeds["input"][:, 0, 0, 0].tolist()
        labels += [] if reader.last_labels is None else reader.last_labels.tolist()
    return len(reader), values, labels


def test_all_images_in_the_order_of_the_list(folder):
    assert read(folder) == (7, [0, 1, 2, 3, 4, 5, 6], [10, 11, 12, 13, 14, 15, 16])


def test_limit_is_spread_over_the_list(folder):
    assert read(folder, limit=3) == (3, [0, 2, 4], [10, 12, 14])
    assert read(folder, limit=100)[0] == 7


def test_without_list_all_images_by_name_and_no_labels(folder):
    (folder / "labels.csv").unlink()
    (folder / "notes.txt").write_text("not an image")
    assert read(folder) == (7, [0, 1, 2, 3, 4, 5, 6], [])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,label\n0.png,1\n", "got columns file, label, wanted 'file' and 'class'"),
        ("", r"got columns \(none\)"),
        ("file,class\n", "got no rows"),
        ("file,class\n0.png,cat\n", "column 'class': .*'cat'.*wanted whole numbers"),
        ("file,class\nmissing.png,1\n", "missing.png"),
    ],
)
def test_bad_lists(folder, table, message):
    (folder / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        read(folder)


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="got no images"):
        read(tmp_path)


def test_inputs_that_are_no_images(folder):
    with pytest.raises(DataError, match=r"'v' takes float32 \[\?, 4\]"):
        ImageFolderReader(folder, VECTOR_SPEC, Preprocess(), 1)
    free = InputSpec("input", np.dtype(np.float32), (None, 3, None, None))
    with pytest.raises(DataError, match="--input-shape input:1,3,224,224"):
        ImageFolderReader(folder, free, Preprocess(), 1)


@pytest.mark.parametrize(
    ("name", "preset"), [("googlenet", "caffe"), ("mobilenet_v2", "tf"), ("resnet18", "imagenet")]
)
def test_presets_give_what_the_networks_were_trained_with(name, preset):
    """Against the independent preprocessing of tests/datasets.py, on real images."""
    wanted, labels = datasets.images(name, 8)
    spec = InputSpec("input", np.dtype(np.float32), (None, 3, 224, 224))
    reader = ImageFolderReader(datasets.require("imagenet1k-sample"), spec, PRESETS[preset], 8, 8)
    got = reader.get_next()["input"]
    # Values up to 3, computed with means on two scales: three float32 roundings of numbers up to 256.
    np.testing.assert_allclose(got, wanted, atol=3 * 256 * np.finfo(np.float32).eps)
    assert reader.last_labels.tolist() == labels.tolist()


def test_files_of_the_system_are_no_images(folder):
    (folder / "labels.csv").unlink()
    (folder / "._0.png").write_bytes(b"\x00\x05\x16\x07 AppleDouble")
    (folder / ".hidden.png").write_bytes(b"")
    assert read(folder)[0] == 7
