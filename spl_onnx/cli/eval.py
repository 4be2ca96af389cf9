"""`spl-onnx eval`: accuracy of one model."""

from __future__ import annotations

import argparse

from spl_onnx.cli.arguments import (
    add_data_flags,
    add_output_flags,
    add_provider_flag,
    add_shape_flag,
    data_options,
)
from spl_onnx.cli.outputs import check_outputs, is_stdout

HELP = "measure the accuracy of a model on labelled data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model and data."""
    parser.add_argument("model", help="an .onnx file, original or rewritten")
    parser.add_argument("--threads", type=int, default=0, metavar="T", help="threads (0: all)")
    add_provider_flag(parser)
    add_shape_flag(parser)
    add_data_flags(parser, required=True)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    check_outputs([("--json", args.json)], [args.model, args.data])
    from functools import partial

    from spl_onnx.data import input_specs, open_data
    from spl_onnx.data.inputs import pin_shapes
    from spl_onnx.measure.accuracy import evaluate
    from spl_onnx.measure.machine import versions
    from spl_onnx.measure.sessions import create_session, run
    from spl_onnx.report.build import write_json
    from spl_onnx.report.console import Terminal, add_row, make_table
    from spl_onnx.report.formats import metric_value
    from spl_onnx.rewrite.model.model_io import check_unprotected
    from spl_onnx.rewrite.model.validity import read_sound_model

    terminal = Terminal(args.quiet or is_stdout(args.json))
    loaded = read_sound_model(args.model)
    if args.json:
        check_unprotected(args.json, loaded.files, "--json")
    model = loaded.model
    reader = open_data(args.data, pin_shapes(input_specs(model), dict(args.input_shape)), data_options(args))
    session = create_session(model, threads=args.threads, provider=args.provider)
    with terminal.progress("evaluating", len(reader)) as progress:
        result = evaluate(partial(run, session), reader, progress)
    table = make_table(
        f"{args.model}: {result.images} samples", "metric", "value", "95 % interval", text=("metric",)
    )
    for name, value in result.scores.items():
        low, high = result.intervals[name]
        interval = f"{metric_value(name, low)} .. {metric_value(name, high)}"
        add_row(table, name, metric_value(name, value), interval)
    terminal.table(table)
    if args.json:
        write_json({"model": args.model, **vars(result), "versions": versions()}, args.json)
    return 0
