"""Options of models that are made only to be timed or judged."""

from __future__ import annotations

from dataclasses import replace

from spl_onnx.options import RewriteOptions, name_list


def trial_options(options: RewriteOptions) -> RewriteOptions:
    """Options for models that are only timed; by default every site of every rule is looked at."""
    names = name_list(options.rules)
    return replace(options, rules=tuple("all" if name == "default" else name for name in names))
