"""Values of flags."""

from __future__ import annotations

import argparse

import pytest

from spl_onnx.cli.arguments import add_data_flags, add_shape_flag, data_options, input_shape, numbers
from spl_onnx.errors import UsageError


def parse(*words):
    parser = argparse.ArgumentParser()
    add_data_flags(parser)
    add_shape_flag(parser)
    return parser.parse_args(words)


def test_data_flags_reach_the_options():
    words = (
        "--data d --preprocess caffe --mean 1,2,3 --std 4 --channel-order bgr --resize 9 --limit 8 --batch 7"
    )
    options = data_options(parse(*words.split()))
    assert (options.preprocess, options.mean, options.std) == ("caffe", (1.0, 2.0, 3.0), (4.0,))
    assert (options.channel_order, options.resize, options.limit, options.batch) == ("bgr", 9, 8, 7)


def test_shapes():
    args = parse("--input-shape", "a:0:1,3,8,8", "--input-shape", "b:2")
    assert dict(args.input_shape) == {"a:0": (1, 3, 8, 8), "b": (2,)}


@pytest.mark.parametrize("text", ["1,3,8,8", "a:", "a:1,x", "a:0,3", ":1,2"])
def test_shapes_that_are_none(text):
    with pytest.raises(UsageError, match="wanted name:1,3,224,224"):
        input_shape(text)


def test_numbers():
    assert numbers("1,-2.5") == (1.0, -2.5)
    with pytest.raises(UsageError, match="got '1;2', wanted numbers"):
        numbers("1;2")
