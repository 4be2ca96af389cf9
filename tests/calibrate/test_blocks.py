"""Blocks against windows walked one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spl_onnx.calibrate.blocks import Block, Direction
from spl_onnx.spec.attributes import Pooling
from spl_onnx.spec.shapes import pool_output_size


@st.composite
def directions(draw: st.DrawFn) -> tuple[Direction, int, int]:
    """A direction of blocks, outputs of a layer, windows behind it."""
    kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    pad, end = draw(st.integers(0, kernel - 1)), draw(st.integers(0, kernel - 1))
    places = draw(st.integers(max(1, kernel - pad - end), 15))
    windows = pool_output_size(places, kernel, stride, pad, end, draw(st.booleans()))
    return Direction(kernel, stride, pad), places, windows


@given(directions())
def test_cells_hold_every_place_once(case):
    direction, places, windows = case
    cells = np.arange(direction.cells(places, windows))
    assert direction.outputs(cells, places).sum() == places
    own = direction.place(cells)[:, direction.own]
    inside = own[(own >= 0) & (own < places)].tolist()
    assert len(set(inside)) == len(inside)
    covered = {
        w * direction.stride - direction.pad + i for w in range(windows) for i in range(direction.kernel)
    }
    assert covered & set(range(places)) <= set(inside), "a place that a window may select is in a cell"


@given(directions())
def test_every_window_is_in_as_many_blocks(case):
    direction, places, windows = case
    found = direction.window(np.arange(direction.cells(places, windows)))
    counts = [(found == window).sum() for window in range(windows)]
    assert counts == [direction.reach] * windows


@given(directions())
def test_a_block_holds_all_windows_of_its_cell(case):
    direction, places, windows = case
    for cell in range(direction.cells(places, windows)):
        own = set(direction.place(np.array(cell))[direction.own].tolist())
        for window in set(range(windows)) - set(direction.window(np.array(cell)).tolist()):
            start = window * direction.stride - direction.pad
            assert not own & set(range(start, start + direction.kernel))


def test_places_of_overlapping_windows():
    block = Block.of(Pooling((3, 3), (2, 2), (1, 1, 1, 1)))
    assert (block.windows, block.places) == (4, 25)
    assert block.window_places()[1].tolist() == [2, 3, 4, 7, 8, 9, 12, 13, 14]
    assert block.own_places().tolist() == [12, 13, 17, 18]
    assert block.down.place(np.array(0)).tolist() == [-3, -2, -1, 0, 1]


def test_without_pooling_a_block_is_one_output():
    block = Block.of(Pooling.none())
    assert (block.windows, block.places) == (1, 1)
    assert block.window_places().tolist() == [[0]] and block.own_places().tolist() == [0]
    assert block.down.cells(7, 7) == 7


def test_gaps_between_windows_belong_to_cells_but_not_to_blocks():
    direction = Direction(kernel=2, stride=3, pad=0)
    assert direction.own.tolist() == [0, 1]
    assert direction.outputs(np.arange(direction.cells(7, 2)), 7).tolist() == [3, 3, 1]
