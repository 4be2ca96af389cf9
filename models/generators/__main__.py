"""Writes a generated network: python -m models.generators vgg16 out.onnx [--seed 0] [--batch dynamic]."""

from __future__ import annotations

import argparse
import sys

import onnx

from . import GENERATORS


def main(arguments: list[str] | None = None) -> int:
    """Writes one generated network and prints its size; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.generators", description=__doc__)
    parser.add_argument("network", choices=sorted(GENERATORS))
    parser.add_argument("output", help="file to write, .onnx")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=_batch, default="batch", help="a number, or 'dynamic' (default)")
    parser.add_argument("--image-size", type=int, help="height and width; default: the network's own")
    options = parser.parse_args(arguments)
    size = {} if options.image_size is None else {"image_size": options.image_size}
    model = GENERATORS[options.network](options.seed, options.batch, **size)
    onnx.save_model(model, options.output)
    print(
        f"{options.output}: {options.network}, {len(model.graph.node)} nodes, {model.ByteSize() / 1e6:.1f} MB"
    )
    return 0


def _batch(text: str) -> int | str:
    if text == "dynamic":
        return "batch"
    size = int(text)
    if size < 1:
        raise argparse.ArgumentTypeError(f"batch {size}: wanted 'dynamic' or a number >= 1")
    return size


if __name__ == "__main__":
    sys.exit(main())
