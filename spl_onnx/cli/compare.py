"""`spl-onnx compare`: what a second model loses against the first."""

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

HELP = "compare two models on the same data: drop with a paired interval, and agreement"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two models and data."""
    parser.add_argument("first", help="the original .onnx file")
    parser.add_argument("second", help="the .onnx file to judge")
    parser.add_argument(
        "--metric", default="auto", help="top1, agreement, mse, cosine or psnr (default: by the data)"
    )
    parser.add_argument(
        "--max-drop", type=float, metavar="X", help="exit with 1 when the metric falls by more"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="T", help="threads (0: all)")
    add_provider_flag(parser)
    add_shape_flag(parser)
    add_data_flags(parser, required=True)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print; fail when the drop is above `--max-drop`."""
    check_outputs([("--json", args.json)], [args.first, args.second, args.data])
    from functools import partial

    from spl_onnx.data import input_specs, open_data
    from spl_onnx.data.inputs import pin_shapes
    from spl_onnx.errors import VerificationError
    from spl_onnx.measure.compare import compare
    from spl_onnx.measure.machine import versions
    from spl_onnx.measure.sessions import create_session, run
    from spl_onnx.report.build import accuracy_entry, write_json
    from spl_onnx.report.console import Terminal
    from spl_onnx.report.rewrite_tables import accuracy_table, confidence_line
    from spl_onnx.rewrite.model.model_io import check_unprotected
    from spl_onnx.rewrite.model.validity import read_sound_model

    terminal = Terminal(args.quiet or is_stdout(args.json))
    loaded = read_sound_model(args.first), read_sound_model(args.second)
    if args.json:
        check_unprotected(args.json, [*loaded[0].files, *loaded[1].files], "--json")
    first, second = loaded[0].model, loaded[1].model
    reader = open_data(args.data, pin_shapes(input_specs(first), dict(args.input_shape)), data_options(args))
    options = {"threads": args.threads, "provider": args.provider}
    sessions = [create_session(model, **options) for model in (first, second)]
    with terminal.progress("comparing", len(reader)) as progress:
        result = compare(partial(run, sessions[0]), partial(run, sessions[1]), reader, args.metric, progress)
    entry = accuracy_entry(result, args.max_drop)
    terminal.table(accuracy_table(entry))
    terminal.line(confidence_line(entry))
    terminal.line(f"largest difference of an output value: {result.extras['largest_difference']:.3g}")
    if args.json:
        content = {"first": args.first, "second": args.second, "accuracy": entry, "versions": versions()}
        write_json(content, args.json)
    if args.max_drop is not None and not result.drop <= args.max_drop + 1e-9:
        raise VerificationError(
            f"{args.second}: {result.metric} drops by {result.drop:.4g} on {result.images} samples, "
            f"wanted at most {args.max_drop:g} (--max-drop)"
        )
    return 0
