"""Options and plans of models that are made only to be timed or judged."""

from __future__ import annotations

from dataclasses import replace

from spl_onnx.options import RewriteOptions, name_list
from spl_onnx.rewrite.model_io import LoadedModel
from spl_onnx.rewrite.plan import Plan
from spl_onnx.rewrite.rewriter import rewrite_model


def trial_options(options: RewriteOptions) -> RewriteOptions:
    """Options for models that are only timed; by default every site of every rule is looked at."""
    names = name_list(options.rules)
    rules = tuple("all" if name == "default" else name for name in names)
    return replace(options, rules=rules, plan=None, plan_out=None, dry_run=False, no_verify=True)


def candidate_plan(original: LoadedModel, options: RewriteOptions) -> Plan:
    """Every candidate with what the options alone would make of it; nothing is rewritten."""
    return rewrite_model(original, replace(options, dry_run=True)).plan
