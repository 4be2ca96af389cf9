"""Cuts channels out of a trained residual network until a given share of its work is left; no retraining.

In every residual branch Conv -> Relu -> Conv -> Add whole channels between the two convolutions go: filters
of the first, inputs of the second. What is left is a smaller ordinary network, batch norms folded. Its layers
are then fitted one after another to what they gave before, by least squares on images and their mirror
images; no labels and no gradients are used. Accuracy is measured on the other images.

    python -m experiments.channel_pruning resnet18.onnx pruned.onnx --data images --preprocess imagenet

Channels go by `--score`: `magnitude` is the norm of the first convolution's filter; `error` is what the
second convolution, fitted again, loses without the channel. How many each branch gives up follows from the
same score per operation saved. The new file holds weights derived from the old ones: their licence stays.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

import onnx

from experiments.channel_pruning.pruner import SCORES, Pruner, dense_work
from spl_onnx.data import DataOptions, input_specs, open_data
from spl_onnx.data.preprocess import PRESETS
from spl_onnx.data.reader import Reader
from spl_onnx.data.split import split_reader
from spl_onnx.errors import SplError
from spl_onnx.measure.compare import Comparison, compare
from spl_onnx.measure.sessions import create_session, run
from spl_onnx.report.build import accuracy_entry
from spl_onnx.report.console import Terminal
from spl_onnx.report.formats import operations, percent
from spl_onnx.report.rewrite_tables import accuracy_table, confidence_line
from spl_onnx.rewrite.model.model_io import read_model, save_model


def prune(
    model: onnx.ModelProto, calibration: Reader, options: argparse.Namespace
) -> tuple[onnx.ModelProto, dict[str, str]]:
    """The pruned network, and the channels of each pair as "kept of all".

    Raises:
        ModelError: nothing can be pruned.
        UsageError: the network cannot save so much.
    """
    pruner = Pruner(model, calibration, options.score)
    ranks = pruner.rank()
    counts = pruner.share_out(ranks, options.flops, options.multiple)
    pruner.cut(ranks, counts)
    if options.fit:
        pruner.fit()
    note = f"channels cut to {options.flops:g} of the work, score {options.score}"
    pruner.model.metadata_props.add(key="pruning", value=note)
    onnx.checker.check_model(pruner.model, full_check=True)
    pairs = zip(pruner.pairs, counts, strict=True)
    return pruner.model, {pair.middle: f"{kept} of {pruner.channels(pair)}" for pair, kept in pairs}


def judge(before: onnx.ModelProto, after: onnx.ModelProto, reader: Reader) -> Comparison:
    """Accuracy of both networks."""
    sessions = [create_session(model) for model in (before, after)]
    return compare(partial(run, sessions[0]), partial(run, sessions[1]), reader)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m experiments.channel_pruning")
    parser.add_argument("model", help="the .onnx file")
    parser.add_argument("out", help="the .onnx file to write")
    parser.add_argument("--data", required=True, help="labelled images, as for spl-onnx")
    parser.add_argument("--preprocess", choices=PRESETS, help="preset of pixels for folders of images")
    parser.add_argument("--calibration", type=int, default=500, metavar="N", help="images to fit on")
    parser.add_argument(
        "--flops", type=float, default=0.5, metavar="X", help="share of the work that is left"
    )
    parser.add_argument("--score", choices=SCORES, default="error", help="what channels go by")
    parser.add_argument("--multiple", type=int, default=8, metavar="M", help="channels go M at a time")
    parser.add_argument("--no-fit", dest="fit", action="store_false", help="keep the weights that stay")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Prunes, measures, writes; returns the exit code."""
    options = parse(arguments)
    terminal = Terminal()
    try:
        original = read_model(options.model)
        model = original.model
        reader = open_data(options.data, input_specs(model), DataOptions(preprocess=options.preprocess))
        calibration, report = split_reader(reader, options.calibration)
        pruned, pairs = prune(model, calibration, options)
        comparison = judge(model, pruned, report)
        save_model(pruned, options.out, protected=original.weight_files)
    except SplError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for name, kept in pairs.items():
        terminal.line(f"{name}: {kept} channels")
    work = dense_work(model), dense_work(pruned)
    terminal.line(f"work: {operations(work[0])} -> {operations(work[1])}, {percent(work[1] / work[0])}")
    entry = accuracy_entry(comparison)
    terminal.table(accuracy_table(entry))
    terminal.line(confidence_line(entry))
    return 0


if __name__ == "__main__":
    sys.exit(main())
