"""`spl-onnx bench`: time of one model, or of two in turn."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from spl_onnx.cli.arguments import (
    add_data_flags,
    add_output_flags,
    add_provider_flag,
    add_shape_flag,
    data_options,
)
from spl_onnx.cli.outputs import check_outputs, is_stdout

if TYPE_CHECKING:
    import onnx
    from onnxruntime import InferenceSession

    from spl_onnx.data.reader import Feeds
    from spl_onnx.measure.bench import Timing
    from spl_onnx.report.entries import BenchEntry, TimedModel

HELP = "time one model, or two in turn, in ONNX Runtime with all its optimisations"

_PROFILED_RUNS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Models, runs and input."""
    parser.add_argument("first", help="an .onnx file, usually the original")
    parser.add_argument("second", nargs="?", help="an .onnx file that is timed against the first")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="T", help="threads inside an operator (default 1)"
    )
    parser.add_argument(
        "--runs", type=int, default=50, metavar="N", help="timed runs of each model (default 50)"
    )
    parser.add_argument("--warmup", type=int, default=5, metavar="N", help="runs before that (default 5)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random input without --data")
    add_provider_flag(parser)
    add_shape_flag(parser)
    add_data_flags(parser)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Time, profile and print."""
    check_outputs([("--json", args.json)], [args.first, args.second, args.data])
    from spl_onnx.measure.bench import speedup, time_interleaved
    from spl_onnx.measure.sessions import create_session
    from spl_onnx.report.bench_tables import nodes_table, operators_table, times_table
    from spl_onnx.report.build import write_json
    from spl_onnx.report.console import Terminal
    from spl_onnx.rewrite.model.model_io import check_unprotected
    from spl_onnx.rewrite.model.validity import read_sound_model

    terminal = Terminal(args.quiet or is_stdout(args.json))
    paths = [args.first] if args.second is None else [args.first, args.second]
    loaded = [read_sound_model(path) for path in paths]
    if args.json:
        check_unprotected(args.json, [file for model in loaded for file in model.files], "--json")
    models = [model.model for model in loaded]
    sessions = [create_session(model, threads=args.threads, provider=args.provider) for model in models]
    batches = _batches(models[0], sessions[0], args)
    with terminal.progress("timing", args.runs + args.warmup) as progress:
        timings = time_interleaved(sessions, batches, args.runs, args.warmup, progress)
    ratio = speedup(*timings) if len(timings) == 2 else None
    timed = zip(paths, models, timings, strict=True)
    entries = [_timed_model(path, model, timing, batches, args) for path, model, timing in timed]
    report = _entry(args, batches, entries, ratio)
    terminal.line(_setting_line(report))
    terminal.table(times_table(entries, ratio))
    terminal.table(operators_table(entries))
    for entry in entries:
        terminal.table(nodes_table(entry))
    if args.json:
        write_json(report, args.json)
    return 0


def _batches(model: onnx.ModelProto, session: InferenceSession, args: argparse.Namespace) -> list[Feeds]:
    """Inputs from the data, or one random input."""
    from dataclasses import replace

    from spl_onnx.data import input_specs, open_data
    from spl_onnx.data.inputs import pin_shapes
    from spl_onnx.measure.bench import accepted_batch, data_batches

    shapes = dict(args.input_shape)
    specs = pin_shapes(input_specs(model), shapes)
    options = data_options(args)
    if args.data is None:
        return [accepted_batch(session, specs, shapes, args.seed)]
    if options.batch is None and all(spec.batch is None for spec in specs):
        options = replace(options, batch=1)
    return data_batches(open_data(args.data, specs, options))


def _timed_model(
    path: str, model: onnx.ModelProto, timing: Timing, batches: list[Feeds], args: argparse.Namespace
) -> TimedModel:
    from spl_onnx.measure.profile import by_operator, profile_nodes
    from spl_onnx.report.entries import TimedModel

    runs = min(args.runs, _PROFILED_RUNS)
    nodes = profile_nodes(model, batches, args.threads, runs, provider=args.provider)
    low, high = timing.spread
    times = timing.milliseconds.tolist()
    return TimedModel(path, timing.median, low, high, times, by_operator(nodes), nodes)


def _entry(
    args: argparse.Namespace, batches: list[Feeds], models: list[TimedModel], ratio: float | None
) -> BenchEntry:
    """The times, and what they depend on."""
    from spl_onnx.measure.machine import cpu_name, versions
    from spl_onnx.report.entries import BenchEntry

    return BenchEntry(
        speedup=ratio,
        models=models,
        cpu=cpu_name(),
        provider=args.provider,
        threads=args.threads,
        input=args.data or f"random, seed {args.seed}",
        input_shapes={name: array.shape for name, array in batches[0].items()},
        versions=versions(),
    )


def _setting_line(entry: BenchEntry) -> str:
    is_random = entry.input.startswith("random")
    note = " (random input does not show the density of real data)" if is_random else ""
    shapes = {name: list(shape) for name, shape in entry.input_shapes.items()}
    return (
        f"{entry.cpu}, {entry.provider}, {entry.versions['isa'] or 'no kernels'}, "
        f"{entry.threads} thread(s), ONNX Runtime {entry.versions['onnxruntime']}; "
        f"input {entry.input} {shapes}{note}"
    )
