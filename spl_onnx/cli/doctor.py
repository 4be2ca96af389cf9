"""`spl-onnx doctor`: does the operator library work here."""

from __future__ import annotations

import argparse

from spl_onnx.cli.arguments import add_output_flags
from spl_onnx.cli.outputs import check_outputs, is_stdout
from spl_onnx.errors import PluginError

HELP = "check that the operator library loads and works, and say what to do if not"

_MARKS = {True: "ok", False: "PROBLEM", None: "info"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Output flags only."""
    add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Look at everything and print it; 4 when something is wrong."""
    check_outputs([("--json", args.json)], ())
    from spl_onnx.measure.health import all_checks
    from spl_onnx.report.build import write_json
    from spl_onnx.report.console import Terminal, add_row, make_table

    checks = all_checks()
    table = make_table(
        "spl-onnx doctor", "check", "", "found", "what to do", text=("check", "", "found", "what to do")
    )
    for check in checks:
        add_row(table, check.name, _MARKS[check.good], check.found, check.advice)
    Terminal(args.quiet or is_stdout(args.json)).table(table)
    if args.json:
        write_json([vars(check) for check in checks], args.json)
    problems = [check.name for check in checks if check.good is False]
    if problems:
        raise PluginError(
            f"doctor: {len(problems)} problem(s): {', '.join(problems)}; see the table for what to do"
        )
    return 0
