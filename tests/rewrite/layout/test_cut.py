"""The cheapest division, against all divisions."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from spl_onnx.rewrite.layout.cut import FIRST, SECOND, Bond, first_side

MEMBERS = st.frozensets(st.integers(-2, 5), min_size=1, max_size=4)


def cost(side: set[int], bonds: list[Bond]) -> int:
    """What the divided bonds cost."""
    first = {*side, FIRST}
    return sum(bond.cost for bond in bonds if bond.members & first and bond.members - first)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.builds(Bond, MEMBERS, st.integers(0, 9)), max_size=9))
def test_no_division_is_cheaper_or_equally_cheap_and_smaller(bonds):
    found = first_side(6, bonds)
    divisions = [{i for i in range(6) if bits[i]} for bits in product((0, 1), repeat=6)]
    best = min((cost(side, bonds), len(side)) for side in divisions)
    assert (cost(found, bonds), len(found)) == best


def test_what_nothing_pulls_stays_on_the_second_side():
    assert first_side(2, [Bond(frozenset({0, 1}), 5)]) == set()
    assert first_side(1, [Bond(frozenset({FIRST, 0}), 5), Bond(frozenset({0, SECOND}), 5)]) == set()
    assert first_side(1, [Bond(frozenset({FIRST, 0}), 6), Bond(frozenset({0, SECOND}), 5)]) == {0}
