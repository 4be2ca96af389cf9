"""Times of models that `scripts.paper_table --save` wrote: original, all sites lossless, and rewritten.

A search may share the machine with other work, a time may not, so they can be taken apart.

    python -m scripts.paper_table --networks resnet18 --times 0 --save found
    python -m scripts.paper_times found
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import onnx

from scripts.bench_networks import feeds
from scripts.networks import NETWORKS, data_folder, load
from spl_onnx.data.reader import Feeds
from spl_onnx.measure.bench import time_interleaved
from spl_onnx.measure.machine import cpu_name, versions
from spl_onnx.measure.sessions import create_session
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import LoadedModel, read_model
from spl_onnx.steps import rewrite_model

#: Keys of the times, in the order of the table.
KEYS = ("dense_ms", "lossless_ms", "skip_ms")
HEADER = "| network | predictor | search | threads | dense ms | dense / lossless | dense / skip |"


def file_name(network: str, predictor: str, scheme: str) -> str:
    """Name of the model of a row."""
    return f"{network}--{predictor}--{scheme}.onnx"


def times(
    original: LoadedModel, model: onnx.ModelProto, images: list[Feeds], threads: int = 1
) -> dict[str, float]:
    """Milliseconds of the original, of all sites lossless, and of `model`, run in turn: medians.

    Args:
        original: the network; it is as before afterwards.
        model: the same network, rewritten.
        images: single samples; every model runs each of them once.
        threads: threads inside an operator.
    """
    lossless = RewriteOptions(rules="all", lossless=True, no_verify=True)
    exact = rewrite_model(original, lossless).model
    sessions = [create_session(each, threads=threads) for each in (original.model, exact, model)]
    found = time_interleaved(sessions, images, len(images), 2)
    return dict(zip(KEYS, (timing.median for timing in found), strict=True))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what --save of scripts.paper_table was given")
    parser.add_argument("--images", type=int, default=24, help="images that are timed, one after the other")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--data", type=Path, help="folder with models/ and images (default SPL_ONNX_DATA)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for every model in the folder."""
    args = parse(arguments)
    root = data_folder(args.data)
    known = versions()
    print(f"{cpu_name()}, {known['isa']}, ONNX Runtime {known['onnxruntime']}\n")
    print(f"{HEADER}\n{'|---' * HEADER.count(' | ')}|---|")
    for path in sorted(args.folder.glob("*--*--*.onnx")):
        network, predictor, scheme = path.stem.split("--")
        x = NETWORKS[network].images(root, args.images)
        original = load(network, root, x)
        for threads in args.threads:
            ms = times(read_model(original), onnx.load(path), feeds(original, x), threads)
            dense, lossless, skip = (ms[key] for key in KEYS)
            print(
                f"| {network} | {predictor} | {scheme} | {threads} | {dense:.2f} "
                f"| {dense / lossless:.2f} | {dense / skip:.2f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
