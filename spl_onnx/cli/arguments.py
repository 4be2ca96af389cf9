"""Flags that several subcommands share, and how their values are read."""

from __future__ import annotations

import argparse
from typing import Any

from spl_onnx.errors import UsageError
from spl_onnx.option_types import check_shapes
from spl_onnx.options import PROVIDERS


def add_output_flags(parser: argparse.ArgumentParser, json: bool = True) -> None:
    """`-v`, `-q` and, where there is a report, `--json`."""
    parser.add_argument("-v", "--verbose", action="store_true", help="show the trace of an error")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    if json:
        parser.add_argument("--json", metavar="R", help="write a report to this file")


def add_data_flags(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """`--data` and how it is read."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        metavar="D",
        required=required,
        help="folder of images (labels.csv: columns file, class), .npz (x, optional y, or the model's input "
        "names), folder of .npz, or of ONNX test_data_set_*",
    )
    group.add_argument("--preprocess", metavar="NAME", help="images: imagenet, caffe, tf or unit")
    group.add_argument("--mean", type=numbers, metavar="A,B,C", help="images: on the 0..255 scale")
    group.add_argument("--std", type=numbers, metavar="A,B,C", help="images: on the 0..255 scale")
    group.add_argument("--channel-order", metavar="ORDER", help="images: rgb or bgr; mean and std are in it")
    group.add_argument("--resize", type=int, metavar="N", help="images: short side before the centre crop")
    group.add_argument(
        "--limit", type=int, metavar="N", help="samples to read (images: spread over the list)"
    )
    group.add_argument("--batch", type=int, metavar="N", help="samples per batch")


def add_provider_flag(parser: Any) -> None:
    """`--provider`, of a parser or a group."""
    parser.add_argument(
        "--provider",
        default="cpu",
        metavar="NAME",
        help=f"where the model runs: {', '.join(PROVIDERS)} (default cpu)",
    )


def add_shape_flag(parser: argparse.ArgumentParser) -> None:
    """`--input-shape`."""
    parser.add_argument(
        "--input-shape",
        type=input_shape,
        action="append",
        default=[],
        metavar="NAME:1,3,224,224",
        help="shape of an input with free dimensions; may be repeated",
    )


def data_options(args: argparse.Namespace) -> Any:
    """The `DataOptions` of the flags."""
    from spl_onnx.data import DataOptions

    names = ("preprocess", "mean", "std", "channel_order", "resize", "limit", "batch")
    return DataOptions(**{name: getattr(args, name) for name in names})


def numbers(text: str) -> tuple[float, ...]:
    """Read `1,2.5,3`.

    Raises:
        UsageError: it is not a list of numbers.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"got {text!r}, wanted numbers with commas between them, for example 104,117,123"
        ) from None


def input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read `name:1,3,224,224`; the name may contain colons.

    Raises:
        UsageError: it is something else.
    """
    name, _, sizes = text.rpartition(":")
    try:
        shape = tuple(int(size) for size in sizes.split(","))
    except ValueError:
        shape = ()
    if not name or not shape:
        raise UsageError(f"--input-shape: got {text!r}, wanted name:1,3,224,224")
    check_shapes({name: shape})
    return name, shape
