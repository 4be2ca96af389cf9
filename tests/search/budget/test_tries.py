"""What is tried until other samples agree."""

from __future__ import annotations

import pytest

from spl_onnx.options import SCHEMES
from spl_onnx.search.budget.tries import SHARES, tries


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_wanted_scheme_comes_first_with_the_whole_budget(scheme):
    found = tries(scheme)
    assert found[0] == (scheme, 1.0)
    assert [share for _, share in found] == sorted((share for _, share in found), reverse=True)
    assert found[-1][1] == SHARES[-1] and len(set(found)) == len(found)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_only_the_long_search_becomes_its_short_form(scheme):
    """Before the budget is cut, because its visits are where luck was looked for."""
    after = [made for made, _ in tries(scheme)[1:]]
    assert set(after) == {"price" if scheme == "lagrange" else scheme}
    assert (("price", 1.0) in tries(scheme)) == (scheme in ("lagrange", "price"))
