"""`spl-onnx inspect`: what could be converted, and what it would save at best."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from spl_onnx.cli.arguments import add_data_flags, add_output_flags, add_shape_flag, data_options
from spl_onnx.cli.outputs import check_outputs, is_stdout

if TYPE_CHECKING:
    import onnx

    from spl_onnx.measure.rewritten import Measured
    from spl_onnx.options import RewriteOptions
    from spl_onnx.report.entries import SiteEntry
    from spl_onnx.rewrite.sites.plan import Plan

#: Position of S among the inputs of SRMM.
_SELECTION = 3

HELP = "show every site, why others are refused, their share of the work and, with data, their densities"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model and data."""
    parser.add_argument("model", help="an original .onnx file")
    add_shape_flag(parser)
    add_data_flags(parser)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Find the sites by converting all of them in memory, then print."""
    check_outputs([("--json", args.json)], [args.model, args.data])
    from spl_onnx.measure.machine import versions
    from spl_onnx.measure.rewritten import measure
    from spl_onnx.report.build import write_json
    from spl_onnx.report.console import Terminal
    from spl_onnx.report.rewrite_tables import sites_table
    from spl_onnx.report.summary import summarise
    from spl_onnx.rewrite.edit.apply import apply
    from spl_onnx.rewrite.model.local_functions import describe_unseen
    from spl_onnx.rewrite.model.model_io import check_unprotected, read_model
    from spl_onnx.rewrite.model.validity import require_rewritable
    from spl_onnx.rewrite.rules.registry import ANCHORS
    from spl_onnx.rewrite.sites.planner import plan_sites
    from spl_onnx.rewrite.sites.weights import SiteWeights

    terminal = Terminal(args.quiet or is_stdout(args.json))
    original = read_model(args.model)
    if args.json:
        check_unprotected(args.json, original.files, "--json")
    options, weights = _options(args), SiteWeights()
    require_rewritable(original)
    applied = apply(original.model, plan_sites(original.model, options, weights), weights)
    _keep_ties(applied.model)
    with terminal.progress("measuring", None) as progress:
        measured = measure(original.model, applied.model, options, data_options(args), progress)
    sites = site_entries(applied.plan, measured)
    summary = summarise(original.model)
    terminal.line(f"{args.model}: {summary.signature}; {summary.nodes} nodes, {_work_text(measured)}")
    terminal.table(sites_table(sites))
    for note in describe_unseen(original.model, ANCHORS):
        terminal.line(f"note: {note}")
    if args.json:
        content = {"model": args.model, "summary": summary, "sites": sites, "versions": versions()}
        write_json(content, args.json)
    return 0


def _options(args: argparse.Namespace) -> RewriteOptions:
    """All sites; with data a float32 predictor that keeps every weight, so that S is what really survives."""
    from spl_onnx.options import RewriteOptions

    exact: dict[str, Any] = {"lossless": True} if args.data is None else {"predictor": "pruned", "keep": 1.0}
    return RewriteOptions(rules="all", data=args.data, input_shape=dict(args.input_shape), **exact)


def _keep_ties(model: onnx.ModelProto) -> None:
    """Let SRMM form the sums of selected outputs directly.

    Equal values are common (over zero inputs every output is its bias), and of equal values in a window only
    one is computed. Other algorithms round them apart, and then chance says which one, and how many.
    """
    from spl_onnx.rewrite.graph.tensors import all_graphs
    from spl_onnx.spec.attributes import DOMAIN_CONV, DOMAIN_GEMM, SRMM

    nodes = (node for graph in all_graphs(model.graph) for node in graph.node)
    for node in nodes:
        ours = node.domain in (DOMAIN_CONV, DOMAIN_GEMM) and node.op_type == SRMM
        if ours and node.input[_SELECTION]:
            for attribute in node.attribute:
                if attribute.name == "strategy":
                    attribute.s = b"select"


def site_entries(plan: Plan, measured: Measured) -> list[SiteEntry]:
    """The sites for report and table; a site that can be converted has the choice "convertible"."""
    from dataclasses import replace

    from spl_onnx.measure.rewritten import note_densities
    from spl_onnx.report.build import site_entry

    note_densities(plan, measured)
    return [
        replace(
            site_entry(site, measured.work),
            choice="convertible" if site.is_rewritten else "refused",
            # The setting used for measuring says nothing about a later rewrite.
            reason=site.reason.rpartition("; ")[0] if site.is_rewritten else site.reason,
            settings={},
        )
        for site in plan.sites
    ]


def _work_text(measured: Measured) -> str:
    from spl_onnx.report.formats import operations

    if measured.work is None or not measured.work.complete:
        return "work unknown: give --input-shape or --data"
    return f"{operations(measured.work.dense)} per sample"
