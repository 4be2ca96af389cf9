"""What holds for every rule whose sites are exact."""

from __future__ import annotations

import onnx
import pytest

from spl_onnx.errors import UsageError
from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model
from tests.rewrite.builders import rewritten

#: What a plan may say of a site that is not exact.
INEXACT = (
    {"choice": "predict", "settings": {"predictor": "int8"}},
    {"choice": "truncate", "settings": {"floor": 0.5}},
)
#: The same of a site without weights, which has no products.
INEXACT_WITHOUT_WEIGHTS = (*INEXACT, {"choice": "int8", "settings": {"precision": "int8"}})


def check_a_plan_is_applied_again(model: onnx.ModelProto) -> None:
    """The plan of a rewrite gives the same model again."""
    first = rewritten(model)
    second = rewrite_model(model, RewriteOptions(), plan=first.plan)
    made = [result.model.SerializeToString(deterministic=True) for result in (first, second)]
    assert made[0] == made[1]


def check_a_plan_that_predicts_is_refused(model: onnx.ModelProto, change: dict, site: str, rule: str) -> None:
    """A plan whose first site is not exact is an error that names site and rule."""
    plan = rewritten(model).plan
    for name, value in change.items():
        setattr(plan.sites[0], name, value)
    with pytest.raises(UsageError, match=f"site '{site}': rule {rule} predicts nothing"):
        rewrite_model(model, RewriteOptions(), plan=plan)
