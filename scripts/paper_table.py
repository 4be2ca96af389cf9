"""The paper's experiment: operations saved at a drop of at most one point of top-1, by every search.

Settings are chosen on one half of the images, and what is printed is measured on the other. The accounting
is that of `spl-onnx rewrite`: the selected part, plus the predictor at a quarter (int8) or in full (float32),
plus everything that is not converted. Zero inputs that the kernels skip are not in these figures. Times are
those of the original, of the network with all sites lossless, and of the result, run in turn.

    python -m scripts.paper_table                                       # all networks, searches, predictors
    python -m scripts.paper_table --networks resnet18 --schemes lagrange fdos --images 400 --json out.json
    python -m scripts.paper_table --models pruned.onnx --like resnet18  # your own model, images of resnet18
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from scripts.bench_networks import feeds
from scripts.networks import NETWORKS, data_folder, load
from scripts.paper_times import KEYS, file_name, times
from spl_onnx.data.parts import SearchData
from spl_onnx.data.reader import Feeds
from spl_onnx.measure.confidence import of_decisions
from spl_onnx.measure.flops import model_work, reduction
from spl_onnx.measure.machine import cpu_name, versions
from spl_onnx.measure.metrics import top1
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.measure.statistics import CountingModel
from spl_onnx.options import SCHEMES, RewriteOptions
from spl_onnx.report.build import write_json
from spl_onnx.rewrite.model.model_io import LoadedModel, read_model, save_model
from spl_onnx.search.budget.flops_search import FlopsSearch, flops_plan
from spl_onnx.search.budget.search import BudgetSearch
from spl_onnx.search.budget.tries import tries
from spl_onnx.steps import rewrite_model

#: Labelled networks; the classes of the others mean nothing or there are none.
NAMES = tuple(name for name, source in NETWORKS.items() if source.labels is not None)
PREDICTORS = ("int8", "auto", "pruned")
_BATCH = 16


class Experiment:
    """One network with one kind of predictor, for all searches.

    Args:
        model: the network.
        x: images, [n, C, H, W]; every other one is for the search.
        labels: their classes, [n].
        predictor: int8 (all weights), pruned, or auto (int8 of all weights or of a part of them).
        drop: the largest loss of top-1 on the images of the search.
    """

    def __init__(
        self, model: onnx.ModelProto, x: np.ndarray, labels: np.ndarray, predictor: str, drop: float
    ) -> None:
        self.original: LoadedModel = read_model(model)
        self.options = RewriteOptions(
            data="images", objective="flops", predictor=predictor, max_drop=drop, rules="all", no_verify=True
        )
        self._name = model.graph.input[0].name
        self._others = self._batches(x[1::2]), labels[1::2]
        data = SearchData(self._batches(x[::2]), labels[::2])
        self._single = {self._name: x[:1]}
        shape = {self._name: (1, *x.shape[1:])}
        self._search = BudgetSearch(self.original, self.options, data)
        self._flops = FlopsSearch(self._search, self.options, dict(shape))
        self._shape = shape
        before = create_session(model)
        self._before = np.concatenate([run(before, batch)[0] for batch in self._others[0]])

    def _batches(self, x: np.ndarray) -> list[Feeds]:
        return [{self._name: x[i : i + _BATCH]} for i in range(0, len(x), _BATCH)]

    def row(self, scheme: str) -> dict[str, Any]:
        """What a search finds: the first try that holds on the other images, or the last one.

        "search_left" and "search_drop" are the share of operations left and the loss on the search's images;
        "refused" are the tries before it.
        """
        refused: list[dict[str, Any]] = []
        for made, share in tries(scheme):
            row = {**self._row(made, share), "refused": list(refused)}
            if row["drop"] <= self.options.max_drop:
                break
            refused.append(
                {key: row[key] for key in ("scheme", "budget", "reduction", "drop", "search_left")}
            )
        return row

    def _row(self, scheme: str, share: float) -> dict[str, Any]:
        found = self._flops.find(share * self.options.max_drop, scheme)
        plan = flops_plan(self.original, self.options, found)
        model = rewrite_model(self.original, self.options, plan).model
        counting = CountingModel(model)
        after = np.concatenate([counting(batch)[0] for batch in self._others[0]])
        labels = self._others[1]
        right = of_decisions(top1(self._before, labels), top1(after, labels))
        work = reduction(model_work(model, dict(self._shape)), counting.counts)
        return {
            "scheme": scheme,
            "predictor": self.options.predictor,
            "budget": share * self.options.max_drop,
            "sites": len(found.chosen),
            "search_left": found.cost,
            "search_drop": found.drop,
            "before": float(top1(self._before, labels).mean()),
            "drop": right.drop,
            "interval": list(right.interval),
            "images": len(labels),
            "reduction": work.fraction(work.predictor),
            "reduction_full": work.fraction(work.predictor_full),
            "reduction_free": work.fraction(0.0),
            "zero_inputs": work.skippable / work.dense,
            "evaluations": found.summary.evaluations,
            "model": model,
        }


COLUMNS = (
    "network",
    "predictor",
    "search",
    "budget",
    "fewer operations",
    "predictor in full",
    "predictor not counted",
    "zero inputs beside it",
    "top-1 before",
    "drop on other images (95 %)",
    "dense / lossless / skip ms",
)
HEADER = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    low, high = row["interval"]
    ms = " / ".join(f"{row[key]:.1f}" for key in KEYS if key in row)
    return (
        f"| {row['network']} | {row['predictor']} | {row['scheme']} | {row['budget']:.2%} "
        f"| **{row['reduction']:.1%}** "
        f"| {row['reduction_full']:.1%} | {row['reduction_free']:.1%} | {row['zero_inputs']:.1%} "
        f"| {row['before']:.1%} | {row['drop']:.1%} ({low:.1%} .. {high:.1%}) | {ms or '-'} |"
    )


def measure(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Rows of all networks."""
    root = data_folder(args.data)
    named = [(Path(path).stem, path, args.like) for path in args.models]
    for name, path, like in named or [(name, None, name) for name in args.networks]:
        source = NETWORKS[like]
        assert source.labels is not None
        x, labels = source.images(root, args.images), source.labels(root, args.images)
        model = onnx.load(path) if path else load(name, root, x)
        for predictor in args.predictors:
            experiment = Experiment(model, x, labels, predictor, args.max_drop)
            for scheme in args.schemes:
                row = {"network": name, **experiment.row(scheme)}
                made = row.pop("model")
                if args.save:
                    args.save.mkdir(parents=True, exist_ok=True)
                    save_model(made, args.save / file_name(name, predictor, scheme))
                if args.times:
                    row |= times(experiment.original, made, feeds(model, x[: args.times]))
                yield row


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=list(NAMES), choices=NAMES, metavar="NAME")
    parser.add_argument("--models", nargs="+", default=[], metavar="FILE", help="models instead of networks")
    parser.add_argument("--like", default="resnet18", choices=NAMES, metavar="NAME", help="their images")
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES), choices=list(SCHEMES))
    parser.add_argument("--predictors", nargs="+", default=list(PREDICTORS), choices=list(PREDICTORS))
    parser.add_argument("--images", type=int, default=1000, help="half for the search, half for the drop")
    parser.add_argument("--max-drop", type=float, default=0.01)
    parser.add_argument("--times", type=int, default=16, metavar="N", help="images for times; 0 = no times")
    parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="write the models, for scripts.paper_times"
    )
    parser.add_argument("--data", type=Path, help="folder with models/ and images (default SPL_ONNX_DATA)")
    parser.add_argument("--json", help="write all rows")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, row by row."""
    args = parse(arguments)
    known = versions()
    print(f"{cpu_name()}, {known['isa']}, ONNX Runtime {known['onnxruntime']}\n\n{HEADER}", flush=True)
    rows = []
    for row in measure(args):
        rows.append(row)
        print(line(row), flush=True)
        if args.json:
            write_json({"cpu": cpu_name(), "versions": known, "rows": rows}, args.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
