"""Time of whole networks with sites chosen by measured time, against ONNX Runtime's dense kernels.

Every network is rewritten on the same images: lossless only, with int8 prediction where it is quicker, and
with one point of top-1 given away for time, in float32 ("point") or in 8 bits ("auto"). Then original and
result run in turn on other images, and their decisions are compared on more of them. See `networks.py` for
where networks and images come from.

    python -m scripts.bench_networks                                      # the table of docs/benchmarks.md
    python -m scripts.bench_networks --networks resnet18 vgg16 --threads 1 --json out.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from scripts.networks import NETWORKS, Array, Labels, data_folder, load
from spl_onnx.data import DataOptions
from spl_onnx.data.reader import Feeds
from spl_onnx.measure.bench import time_interleaved
from spl_onnx.measure.machine import cpu_name, versions
from spl_onnx.measure.metrics import decisions
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.options import RewriteOptions
from spl_onnx.pipeline import measured_rewrite
from spl_onnx.report.build import write_json
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.rewrite.result import RewriteResult
from spl_onnx.rewrite.sites.weights import SiteWeights
from spl_onnx.search.time.by_time import choose_by_time
from spl_onnx.search.time.stopwatch import gain
from spl_onnx.steps import carry_out_found

#: Choices for a site.
MODES = {
    "lossless": "dense,lossless",
    "int8": "dense,lossless,predict",
    "point": "dense,lossless,predict",
    "auto": "dense,lossless,int8",
}
#: Those that give a point away, with their precision; they take part where the images have labels.
PRECISIONS = {"point": "float32", "auto": "auto"}
#: Images for timing in the search, for timing here, and for decisions come from one list, in this order.
TIME_IMAGES = 32
_BATCH = 16


def feeds(model: onnx.ModelProto, images: Array, batch: int = 1) -> list[Feeds]:
    """Inputs of `batch` images each; what fills none is left out."""
    name = model.graph.input[0].name
    return [{name: images[i : i + batch]} for i in range(0, len(images) - batch + 1, batch)]


def agreement(original: onnx.ModelProto, rewritten: onnx.ModelProto, images: Array) -> float:
    """Share of images with the same decision; for images as output, 1 - relative difference."""
    pairs = [create_session(original), create_session(rewritten)]
    before, after = (np.concatenate([run(s, f)[0] for f in feeds(original, images)]) for s in pairs)
    if before.ndim == 2:
        return float(np.mean(decisions(before) == decisions(after)))
    return 1.0 - float(np.linalg.norm(after - before) / np.linalg.norm(before))


def rewrite(
    model: onnx.ModelProto, images: Array, mode: str, threads: int, args: argparse.Namespace
) -> RewriteResult:
    """Sites chosen by time on the images."""
    options = RewriteOptions(
        data="images",
        choices=MODES[mode],
        threads=threads,
        search_seconds=args.search_seconds,
        no_verify=True,
    )
    original, weights = read_model(model), SiteWeights()
    choice = choose_by_time(original, options, feeds(model, images, args.batch), weights=weights)
    return carry_out_found(original, choice.plan, choice.summary.as_json(), options, weights)


def rewrite_for_a_point(
    model: onnx.ModelProto,
    images: Array,
    labels: Labels,
    mode: str,
    threads: int,
    args: argparse.Namespace,
) -> RewriteResult:
    """Up to one point of top-1 given away; the drop is measured on images that the search has not seen."""
    with tempfile.TemporaryDirectory(prefix="spl-onnx-") as folder:
        path = f"{folder}/images.npz"
        np.savez(path, x=images, y=labels)
        options = RewriteOptions(
            data=path,
            precision=PRECISIONS[mode],
            threads=threads,
            time_batch=args.batch,
            search_seconds=args.search_seconds,
            search_images=args.search_images,
            no_verify=True,
        )
        return measured_rewrite(read_model(model), options, DataOptions(batch=_BATCH))


def measure(name: str, root: Path, args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """One row per mode and number of threads."""
    source = NETWORKS[name]
    searched = max(TIME_IMAGES, 4 * args.batch)
    timed = args.images * args.batch
    count = max(searched + max(timed, args.agreement), 2 * args.search_images)
    images = source.images(root, count)
    model = load(name, root, images)
    for threads in args.threads:
        for mode in args.modes:
            if mode not in PRECISIONS:
                result = rewrite(model, images[:searched], mode, threads, args)
            elif source.labels is not None:
                labels = source.labels(root, count)
                result = rewrite_for_a_point(model, images, labels, mode, threads, args)
            else:
                continue
            yield {
                "network": name,
                "mode": mode,
                "batch": args.batch,
                "threads": threads,
                **compared(model, result, images[searched:], args, threads),
            }


def compared(
    model: onnx.ModelProto, result: RewriteResult, images: Array, args: argparse.Namespace, threads: int
) -> dict[str, object]:
    """Times in turn, choices and decisions of a result."""
    sessions = [create_session(each, threads=threads) for each in (model, result.model)]
    timed = feeds(model, images[: args.images * args.batch], args.batch)
    before, after = time_interleaved(sessions, timed, args.images, 3)
    verdict = gain(before, after)
    counts = [site.choice for site in result.plan.sites if site.is_rewritten]
    return {
        "ratio": verdict.ratio,
        "noise": verdict.noise,
        "original_ms": before.median,
        "rewritten_ms": after.median,
        "lossless": len(counts) - counts.count("predict"),
        "in_8_bits": counts.count("int8"),
        "predicted": counts.count("predict"),
        "sites": sum(site.rule != "none" for site in result.plan.sites),
        "agreement": agreement(model, result.model, images[: args.agreement]),
        "accuracy": result.report.get("accuracy"),
        "search": result.report["search"],
        "plan": json.loads(result.plan.to_json())["sites"],
    }


COLUMNS = (
    "network",
    "choices",
    "batch",
    "threads",
    "original / rewritten",
    "original ms",
    "rewritten ms",
    "SRMM alone + int8 of sites",
    "same decisions",
    "top-1 drop on images not searched (95 %)",
)
HEADER = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def line(row: dict[str, object]) -> str:
    """A row of the table."""
    return (
        f"| {row['network']} | {row['mode']} | {row['batch']} | {row['threads']} "
        f"| **{row['ratio']:.2f}** ± {row['noise']:.2f} "
        f"| {row['original_ms']:.2f} | {row['rewritten_ms']:.2f} "
        f"| {row['lossless']} + {row['predicted']} of {row['sites']} | {row['agreement']:.2%} "
        f"| {_drop(row.get('accuracy'))} |"
    )


def _drop(accuracy: Any) -> str:
    if accuracy is None:
        return "-"
    low, high = accuracy["interval"]
    return f"{accuracy['drop']:.1%} of {accuracy['images']} ({low:.1%} .. {high:.1%})"


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
    parser.add_argument("--batch", type=int, default=1, help="images of a run")
    parser.add_argument("--images", type=int, default=32, help="timed runs, not on images of the search")
    parser.add_argument("--agreement", type=int, default=200, help="images for decisions")
    parser.add_argument("--search-seconds", type=float, default=120.0)
    parser.add_argument(
        "--search-images", type=int, default=256, help="of the modes point and auto, and as many for the drop"
    )
    parser.add_argument("--data", type=Path, help="folder with models/ and images (default SPL_ONNX_DATA)")
    parser.add_argument("--json", help="write all rows, with the choice and times of every site")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, row by row."""
    args = parse(arguments)
    root = data_folder(args.data)
    known = versions()
    print(f"{cpu_name()}, {known['isa']}, ONNX Runtime {known['onnxruntime']}\n\n{HEADER}", flush=True)
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
