"""ONNX Runtime, OpenVINO and this project in one run: time, top-1, and what opening a network takes.

Every engine runs the same images in turns, each in a process of its own; ratios are those to ONNX Runtime's
float32. int8 models are made by ONNX Runtime's static quantisation, ours by `spl_onnx.rewrite`. Times and
decisions are those of images that neither calibration nor a search saw. Whoever has no OpenVINO installs it
with `pip install '.[peers]'`; its rows say so otherwise.

    python -m scripts.bench_peers --work-dir out/peers
    python -m scripts.bench_peers --networks resnet18 vgg16_groups --threads 1 --batch 1 --start
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scripts.networks import HEADS, NETWORKS, data_folder, load
from scripts.peers.examples import read_examples
from scripts.peers.lineup import REFERENCE, has_openvino, line_up, processor_flags
from scripts.peers.measure import Contest, Result, Start
from scripts.peers.models import CALIBRATION, Models
from scripts.peers.ours import VARIANTS, Search
from scripts.peers.table import COLUMNS, START_COLUMNS, header, line, row_entry
from scripts.peers.workers import EngineError
from spl_onnx.measure.machine import cpu_name, package_version, versions
from spl_onnx.report.build import write_json

#: Those that decide between classes.
CLASSIFIERS = {name: source for name, source in {**NETWORKS, **HEADS}.items() if name != "dncnn25"}
DEFAULT = [name for name, source in CLASSIFIERS.items() if source.labels is not None]

Row = tuple[str, int, int, str, Result | Start | str]


def measure(name: str, folder: Path, args: argparse.Namespace) -> Iterator[Row]:
    """All rows of a network: network, batch, threads, engine, and its result or why there is none."""
    root = data_folder(args.data)
    seen = max(2 * args.search_images, CALIBRATION)
    examples = read_examples(CLASSIFIERS[name], root, seen, args.top1_images)
    models = Models(folder, name, functools.partial(load, name, root, examples.seen), examples)
    peers = line_up(args.ours, processor_flags(), has_openvino())
    with tempfile.TemporaryDirectory(prefix="spl-onnx-") as scratch:
        contest = Contest(peers, models, Path(scratch))
        for batch in args.batch:
            for threads in args.threads:
                search = Search(threads, batch, args.search_seconds, args.search_images)
                for engine, result in _rows(contest, search, args).items():
                    yield name, batch, threads, engine, result


def _rows(contest: Contest, search: Search, args: argparse.Namespace) -> Mapping[str, Result | Start | str]:
    """One number of threads and one batch; where the reference fails, nothing else is a figure."""
    try:
        return contest.starts(search) if args.start else contest.rows(search, args.images)
    except EngineError as error:
        return {REFERENCE: str(error)}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=DEFAULT, choices=list(CLASSIFIERS), metavar="NAME")
    parser.add_argument("--ours", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8], help="images of a run")
    parser.add_argument("--images", type=int, default=32, help="timed runs of every engine")
    parser.add_argument("--top1-images", type=int, default=500, help="for top-1, or as many as there are")
    parser.add_argument("--search-seconds", type=float, default=120.0, help="of our searches")
    parser.add_argument(
        "--search-images", type=int, default=250, help="of our searches; as many others judge the drop"
    )
    parser.add_argument("--start", action="store_true", help="time and memory of opening instead of runs")
    parser.add_argument("--work-dir", type=Path, help="models are kept here and used again")
    parser.add_argument("--data", type=Path, help="folder with models/ and images (default SPL_ONNX_DATA)")
    parser.add_argument("--json", help="write all rows, with every time")
    return parser.parse_args(arguments)


def run(args: argparse.Namespace, folder: Path) -> None:
    """Print the table row by row; JSON is written after every row."""
    known = {**versions(), "openvino": package_version("openvino")}
    print(
        f"{cpu_name()}, {known['isa']}, ONNX Runtime {known['onnxruntime']}, OpenVINO {known['openvino']}\n"
    )
    print(header(START_COLUMNS if args.start else COLUMNS), flush=True)
    rows = []
    for name in args.networks:
        for network, batch, threads, engine, result in measure(name, folder, args):
            where = network, batch, threads, engine
            print(line(*where, result), flush=True)
            keys = dict(zip(("network", "batch", "threads", "engine"), where, strict=True))
            rows.append({**keys, **row_entry(result)})
            if args.json:
                write_json({"cpu": cpu_name(), "versions": known, "rows": rows}, args.json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Models in the folder that is given, or in one that goes with the run."""
    args = parse(arguments)
    if args.work_dir is not None:
        args.work_dir.mkdir(parents=True, exist_ok=True)
        run(args, args.work_dir)
        return 0
    with tempfile.TemporaryDirectory(prefix="spl-onnx-") as folder:
        run(args, Path(folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
