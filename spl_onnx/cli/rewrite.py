"""`spl-onnx rewrite`: the product."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spl_onnx.cli.arguments import (
    add_data_flags,
    add_output_flags,
    add_provider_flag,
    add_shape_flag,
    data_options,
)
from spl_onnx.cli.outputs import check_outputs, is_stdout
from spl_onnx.errors import UsageError
from spl_onnx.options import OBJECTIVES, PRECISIONS, PREDICTORS, SCHEMES, WEIGHTS, RewriteOptions

if TYPE_CHECKING:
    from spl_onnx.report.console import Terminal
    from spl_onnx.rewrite.model.model_io import LoadedModel
    from spl_onnx.rewrite.result import RewriteResult

HELP = "rewrite a model so that only outputs that matter are computed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Models, what is converted, how the result is judged, what is written."""
    parser.add_argument("input", nargs="?", help="the .onnx file to rewrite")
    parser.add_argument("output", nargs="?", help="the .onnx file to write; not needed with --dry-run")
    _add_site_flags(parser)
    _add_time_flags(parser)
    _add_check_flags(parser)
    parser.add_argument("--plan-out", metavar="P", help="write every site and its choice to this file")
    parser.add_argument("--html", metavar="R", help="write a report to this file, as a page for a browser")
    parser.add_argument("--dry-run", action="store_true", help="decide and report, write no model")
    add_shape_flag(parser)
    add_data_flags(parser)
    add_output_flags(parser)


def _add_site_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is converted")
    group.add_argument(
        "--rules", default="default", metavar="NAMES", help="default, all, or names with commas"
    )
    group.add_argument("--skip-rules", default="", metavar="NAMES", help="rules that are left out")
    group.add_argument(
        "--skip-layers", default="", metavar="NAMES", help="layers that are left as they are, by their nodes"
    )
    group.add_argument("--list-rules", action="store_true", help="print the rules and leave")
    group.add_argument("--predictor", default="auto", help=f"{', '.join(PREDICTORS)} (default auto)")
    group.add_argument(
        "--keep", type=float, metavar="R", help="fraction of weights the pruned predictor keeps"
    )
    group.add_argument(
        "--lossless", action="store_true", help="no prediction: skip only inputs that are zero"
    )
    group.add_argument(
        "--precision",
        default="auto",
        help=f"{', '.join(PRECISIONS)} (default auto: what --max-drop allows and the clock prefers)",
    )
    group.add_argument(
        "--weights",
        default="float32",
        help=f"{', '.join(WEIGHTS)}: how those of sites in 8 bits are stored (default float32)",
    )
    group.add_argument("--plan", metavar="P", help="apply the choices of this plan")


def _add_time_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "what is converted, with --data: by measured time, every site of every rule"
    )
    group.add_argument(
        "--objective",
        default="time",
        help=f"{', '.join(OBJECTIVES)} (default time; none = as without --data)",
    )
    group.add_argument(
        "--scheme",
        default="lagrange",
        help=f"how accuracy is spent: {', '.join(SCHEMES)} (default lagrange; price: its short form; "
        "the others are Algorithm 1)",
    )
    group.add_argument(
        "--search-images",
        type=int,
        default=256,
        metavar="N",
        help="samples settings are chosen on (default 256, at most half); the others measure the drop",
    )
    group.add_argument(
        "--resume", metavar="P", help="journal of the search: made, or gone on from where it is"
    )
    group.add_argument(
        "--choices",
        default="dense,lossless,predict,int8",
        metavar="NAMES",
        help="what a site may become (default dense,lossless,predict,int8; "
        "--lossless and --precision leave some out)",
    )
    _add_clock_flags(group)


def _add_clock_flags(group: argparse._ArgumentGroup) -> None:
    """What times depend on."""
    add_provider_flag(group)
    group.add_argument(
        "--threads", type=int, default=1, metavar="T", help="threads it is fast for (default 1)"
    )
    group.add_argument(
        "--time-images", type=int, default=32, metavar="N", help="samples for timing (default 32)"
    )
    group.add_argument(
        "--time-batch",
        type=int,
        metavar="N",
        help="samples per run that it is fast for (default: the model's fixed batch, else 1)",
    )
    group.add_argument(
        "--search-seconds",
        type=float,
        default=120.0,
        metavar="S",
        help="how long changes are tried on the whole network (default 120)",
    )


def _add_check_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how the result is judged")
    group.add_argument("--max-drop", type=float, default=0.01, metavar="X", help="with --data (default 0.01)")
    group.add_argument(
        "--metric", default="auto", help="top1, agreement, mse, cosine, psnr (default: by the data)"
    )
    group.add_argument("--no-verify", action="store_true", help="do not check the result with random input")


def run(args: argparse.Namespace) -> int:
    """Rewrite, measure, print, write; nothing is written before everything has passed."""
    if args.list_rules:
        return _list_rules()
    notes = _check_paths(args)
    from spl_onnx.pipeline import measured_rewrite
    from spl_onnx.report.build import write_json
    from spl_onnx.report.console import Terminal
    from spl_onnx.report.html import write_html
    from spl_onnx.rewrite.model.model_io import read_model

    options, reading = rewrite_options(args), data_options(args)
    terminal = Terminal(args.quiet or is_stdout(*(path for _, path in _outputs(args))))
    original = read_model(args.input)
    _check_place(args, original, options)
    result = measured_rewrite(original, options, reading, terminal.progress)
    written = () if args.dry_run else result.save(args.output)
    result.report["notes"] = [*result.report.get("notes", []), *notes]
    _print(terminal, args, original, result, written)
    report = {**result.report, "input": args.input, "output": args.output}
    if args.json:
        write_json(report, args.json)
    if args.html:
        write_html(report, args.html)
    return 0


def rewrite_options(args: argparse.Namespace) -> RewriteOptions:
    """The options of the flags; a field and its flag have the same name.

    A dry run rewrites in memory like any other, so that its report is complete; only the file is not written.
    Reports are written here, once the model is: they name its file.
    """
    given = {name: getattr(args, name) for name in RewriteOptions.names() if hasattr(args, name)}
    ours = {"input_shape": dict(args.input_shape), "dry_run": False, "json": None, "html": None}
    return RewriteOptions(**{**given, **ours})


def _check_paths(args: argparse.Namespace) -> list[str]:
    """What the user should know about the files.

    Raises:
        UsageError: one cannot be written, or is also read.
    """
    if args.input is None:
        raise UsageError("got no model, wanted spl-onnx rewrite in.onnx out.onnx")
    if args.output is None and not args.dry_run:
        raise UsageError("got no output, wanted spl-onnx rewrite in.onnx out.onnx, or --dry-run")
    # A plan may be written over the one that was read.
    inputs, plan = [args.input, args.data], args.plan if args.plan != args.plan_out else None
    return check_outputs(_outputs(args), [*inputs, plan])


def _outputs(args: argparse.Namespace) -> list[tuple[str, str | None]]:
    """Flag and path of all that is written."""
    output = None if args.dry_run else args.output
    flags = ("--json", "--html", "--plan-out", "--resume")
    paths = (args.json, args.html, args.plan_out, args.resume)
    return [("output", output), *zip(flags, paths, strict=True)]


def _check_place(args: argparse.Namespace, original: LoadedModel, options: RewriteOptions) -> None:
    """What only the model tells: its weights must stay, and may need a place beside the output.

    Raises:
        UsageError: an output is one of their files, or there is no such place.
    """
    from spl_onnx.files import check_pair, resolve_output
    from spl_onnx.rewrite.model.model_io import check_unprotected, needs_data_file

    for flag, path in _outputs(args):
        if path is not None:
            check_unprotected(path, original.files, flag)
    limits = original.external_data, options.external_data_threshold
    if not args.dry_run and needs_data_file(original.model, *limits):
        try:
            check_pair(resolve_output(args.output))
        except OSError as error:
            raise UsageError(f"output {args.output}: {error.strerror}, wanted a file") from error


def _list_rules() -> int:
    from spl_onnx.rewrite.rules.registry import RULES

    for rule in RULES:
        print(rule.name)
    return 0


def _print(
    terminal: Terminal,
    args: argparse.Namespace,
    original: LoadedModel,
    result: RewriteResult,
    written: Sequence[Path],
) -> None:
    """Before and after, accuracy, work, sites."""
    from spl_onnx.report.entries import RewriteEntry, SearchEntry
    from spl_onnx.report.plain import from_json
    from spl_onnx.report.rewrite_tables import (
        accuracy_table,
        before_after_table,
        confidence_line,
        flops_table,
        rules_line,
        search_line,
        sites_table,
    )
    from spl_onnx.report.summary import summarise

    report = from_json(RewriteEntry, result.report)
    before, after = summarise(original.model), summarise(result.model)
    sizes = _file_bytes(original.files), _file_bytes(written)
    terminal.line(f"{args.input}: {before.signature}")
    terminal.table(sites_table(report.sites, fold=True))
    terminal.table(before_after_table(before, after, *sizes))
    if report.flops is not None:
        terminal.table(flops_table(report.flops))
    if report.accuracy is not None:
        terminal.table(accuracy_table(report.accuracy))
        terminal.line(confidence_line(report.accuracy))
    if "search" in result.report:
        terminal.line(search_line(from_json(SearchEntry, result.report["search"])))
    for note in result.report.get("notes", []):
        terminal.line(f"note: {note}")
    terminal.line(rules_line(report.rules))
    terminal.line("dry run: no model written" if args.dry_run else f"written: {args.output}")


def _file_bytes(files: Sequence[Path]) -> int | None:
    """Size of a model with its weights; None where it is no file."""
    return sum(file.stat().st_size for file in files if file.is_file()) or None
