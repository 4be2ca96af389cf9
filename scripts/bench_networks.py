"""Time of whole networks with sites chosen by measured time, against ONNX Runtime's dense kernels.

Every network is rewritten twice on the same images: lossless only, and with int8 prediction where it is
quicker. Then original and result run in turn on other images, and their decisions are compared on more of
them. The networks and images come from the data folder (`SPL_ONNX_DATA`, else `../shared/data` beside the
project); AlexNet and VGG-16 are generated, with the zeros of the trained ones, see
`models/generators/profiles.py`.

    python -m scripts.bench_networks                                      # the table of docs/benchmarks.md
    python -m scripts.bench_networks --networks resnet18 vgg16 --threads 1 --json out.json
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from PIL import Image

from models.generators import profiles
from spl_onnx.data.reader import Feeds
from spl_onnx.measure.bench import time_interleaved
from spl_onnx.measure.machine import cpu_name, versions
from spl_onnx.measure.metrics import decisions
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import RewriteOptions
from spl_onnx.pipeline import rewrite_by_time
from spl_onnx.report.build import write_json
from spl_onnx.rewrite.model_io import read_model
from spl_onnx.rewrite.rewriter import RewriteResult
from spl_onnx.search.stopwatch import gain

Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]

MODES = {"lossless": "dense,lossless", "int8": "dense,lossless,predict"}
#: Images for timing in the search, for timing here, and for decisions come from one list, in this order.
TIME_IMAGES = 32
_CALIBRATION = 8
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_NOISE = 25.0 / 255.0


def imagenet(x: Pixels) -> Array:
    """RGB / 255, ImageNet's mean and deviation."""
    return ((x / np.float32(255) - np.float32(_MEAN)) / np.float32(_STD)).astype(np.float32)


def caffe(x: Pixels) -> Array:
    """BGR minus the mean."""
    return x[..., ::-1].astype(np.float32) - np.float32((104, 117, 123))


def half_range(x: Pixels) -> Array:
    """-1 to 1."""
    return (x.astype(np.float32) - 128) / np.float32(128)


def unit(x: Pixels) -> Array:
    """0 to 1."""
    return x.astype(np.float32) / np.float32(255)


def noisy(x: Pixels) -> Array:
    """0 to 1, with the noise that the denoiser was trained for."""
    return unit(x) + np.random.default_rng(0).normal(0.0, _NOISE, x.shape).astype(np.float32)


@dataclass(frozen=True)
class Source:
    """Where the images of a network come from and what becomes of them.

    Attributes:
        pixels: gives [count, H, W, C] uint8.
        prepare: to float32, channels still last.
    """

    pixels: Callable[[Path, int], Pixels]
    prepare: Callable[[Pixels], Array]

    def images(self, root: Path, count: int) -> Array:
        """[up to count, C, H, W] float32."""
        return np.ascontiguousarray(self.prepare(self.pixels(root, count)).transpose(0, 3, 1, 2))


def photographs(root: Path, count: int) -> Pixels:
    """Centre crops of 224, spread over the classes."""
    folder = root / "imagenet1k-sample"
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    # Golden-ratio steps: every part of the list has all kinds of classes.
    order = np.argsort((np.arange(len(names)) * 0.6180339887) % 1.0)[:count]
    return np.stack([np.asarray(Image.open(folder / names[i]).convert("RGB"))[16:240, 16:240] for i in order])


def stored(file: str) -> Callable[[Path, int], Pixels]:
    """Images of an .npz file."""

    def read(root: Path, count: int) -> Pixels:
        with np.load(root / file) as content:
            pixels = content["images"][:count]
        return pixels if pixels.ndim == 4 else pixels[..., None]

    return read


def grey_crops(root: Path, count: int) -> Pixels:
    """96 x 96 pieces of the grey test images."""
    images = [np.asarray(Image.open(path).convert("L")) for path in sorted((root / "set12").glob("*.png"))]
    places = np.random.default_rng(0).integers(0, 160, (count, 2))
    crops = [images[i % len(images)][y : y + 96, x : x + 96] for i, (y, x) in enumerate(places)]
    return np.stack(crops)[..., None]


PHOTOGRAPHS, CIFAR = Source(photographs, imagenet), Source(stored("cifar10_test1000.npz"), imagenet)
NETWORKS = {
    "googlenet": Source(photographs, caffe),
    "resnet18": PHOTOGRAPHS,
    "resnet50": PHOTOGRAPHS,
    "squeezenet1.1": PHOTOGRAPHS,
    "mobilenet_v2": Source(photographs, half_range),
    "alexnet": PHOTOGRAPHS,
    "vgg16": PHOTOGRAPHS,
    "cifar10_resnet20": CIFAR,
    "cifar10_resnet56": CIFAR,
    "cifar10_vgg": CIFAR,
    "mnist_lenet": Source(stored("mnist_t10k_first2000.npz"), unit),
    "dncnn25": Source(grey_crops, noisy),
}


def load(name: str, root: Path, images: Array) -> onnx.ModelProto:
    """A network of the data folder, or a generated one whose zeros are calibrated on the images."""
    if name in profiles.NAMES:
        return profiles.calibrated(name, images[:_CALIBRATION])
    packed = root / "models" / f"{name}.onnx.xz"
    if packed.is_file():
        return onnx.load_from_string(lzma.open(packed).read())
    return onnx.load(root / "models" / f"{name}.onnx")


def feeds(model: onnx.ModelProto, images: Array) -> list[Feeds]:
    """One input per image."""
    name = model.graph.input[0].name
    return [{name: images[i : i + 1]} for i in range(len(images))]


def agreement(original: onnx.ModelProto, rewritten: onnx.ModelProto, images: Array) -> float:
    """Share of images with the same decision; for images as output, 1 - relative difference."""
    pairs = [create_session(original), create_session(rewritten)]
    before, after = (np.concatenate([run(s, f)[0] for f in feeds(original, images)]) for s in pairs)
    if before.ndim == 2:
        return float(np.mean(decisions(before) == decisions(after)))
    return 1.0 - float(np.linalg.norm(after - before) / np.linalg.norm(before))


def rewrite(model: onnx.ModelProto, images: Array, mode: str, threads: int, seconds: float) -> RewriteResult:
    """Sites chosen by time on the images."""
    options = RewriteOptions(
        data="images", choices=MODES[mode], threads=threads, search_seconds=seconds, no_verify=True
    )
    return rewrite_by_time(read_model(model), options, feeds(model, images))


def measure(name: str, root: Path, args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """One row per mode and number of threads."""
    images = NETWORKS[name].images(root, TIME_IMAGES + max(args.images, args.agreement))
    for_search, others = images[:TIME_IMAGES], images[TIME_IMAGES:]
    model = load(name, root, images)
    for threads in args.threads:
        for mode in args.modes:
            result = rewrite(model, for_search, mode, threads, args.search_seconds)
            sessions = [create_session(each, threads=threads) for each in (model, result.model)]
            before, after = time_interleaved(sessions, feeds(model, others[: args.images]), args.images, 3)
            verdict = gain(before, after)
            counts = [site.choice for site in result.plan.sites if site.is_rewritten]
            yield {
                "network": name,
                "mode": mode,
                "threads": threads,
                "ratio": verdict.ratio,
                "noise": verdict.noise,
                "original_ms": before.median,
                "rewritten_ms": after.median,
                "lossless": counts.count("lossless"),
                "predicted": counts.count("predict"),
                "sites": sum(site.rule != "none" for site in result.plan.sites),
                "agreement": agreement(model, result.model, others[: args.agreement]),
                "search": result.report["search"],
                "plan": json.loads(result.plan.to_json())["sites"],
            }


COLUMNS = ("network", "choices", "threads", "original / rewritten", "original ms", "rewritten ms",
           "lossless + int8 of sites", "same decisions")  # fmt: skip
HEADER = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def line(row: dict[str, object]) -> str:
    """A row of the table."""
    return (
        f"| {row['network']} | {row['mode']} | {row['threads']} "
        f"| **{row['ratio']:.2f}** ± {row['noise']:.2f} "
        f"| {row['original_ms']:.2f} | {row['rewritten_ms']:.2f} "
        f"| {row['lossless']} + {row['predicted']} of {row['sites']} | {row['agreement']:.2%} |"
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS), metavar="NAME"
    )
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=list(MODES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--images", type=int, default=32, help="images for timing, not those of the search")
    parser.add_argument("--agreement", type=int, default=200, help="images for decisions")
    parser.add_argument("--search-seconds", type=float, default=120.0)
    parser.add_argument("--data", type=Path, help="folder with models/ and images (default SPL_ONNX_DATA)")
    parser.add_argument("--json", help="write all rows, with the choice and times of every site")
    return parser.parse_args(arguments)


def data_folder(given: Path | None) -> Path:
    """The folder of networks and images."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return given or Path(os.environ.get("SPL_ONNX_DATA", beside))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, row by row."""
    args = parse(arguments)
    root = data_folder(args.data)
    known = versions()
    print(
        f"{cpu_name()}, {known['isa']}, ONNX Runtime {known['onnxruntime']}, batch 1\n\n{HEADER}", flush=True
    )
    rows = []
    for name in args.networks:
        for row in measure(name, root, args):
            rows.append(row)
            print(line(row), flush=True)
            if args.json:
                write_json({"cpu": cpu_name(), "versions": known, "rows": rows}, args.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
