"""Dividing things into two sides at the least cost: a minimum cut, found with maximum flow."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

#: Members of a bond that are on a side from the start.
FIRST, SECOND = -1, -2


@dataclass(frozen=True)
class Bond:
    """Things that had better be on the same side.

    Attributes:
        members: Numbers of things, or FIRST and SECOND.
        cost: What it costs when they are not all on one side, >= 0.
    """

    members: frozenset[int]
    cost: int


def first_side(count: int, bonds: Sequence[Bond]) -> set[int]:
    """The things `0..count-1` that belong to the first side.

    The costs of the divided bonds add up to the least possible. Among the divisions of least cost it is the
    one with the fewest things on the first side.
    """
    network = _Network(count + 2 + 2 * len(bonds))
    source, sink = count, count + 1
    endless = 1 + sum(bond.cost for bond in bonds)
    for number, bond in enumerate(bonds):
        # Any member on the first side fills `enter`, any on the second drains `leave`: both = one payment.
        enter = count + 2 + 2 * number
        leave = enter + 1
        network.connect(enter, leave, bond.cost)
        for member in bond.members:
            place = {FIRST: source, SECOND: sink}.get(member, member)
            network.connect(place, enter, endless)
            network.connect(leave, place, endless)
    while network.push(source, sink):
        pass
    return {place for place in network.reached(source) if place < count}


class _Network:
    """Pipes between places, each with the room that is left in it."""

    def __init__(self, places: int) -> None:
        self._pipes: list[list[int]] = [[] for _ in range(places)]
        self._target: list[int] = []
        self._room: list[int] = []

    def connect(self, a: int, b: int, room: int) -> None:
        """A pipe from `a` to `b`; pipe i ^ 1 is the way back of pipe i."""
        for start, end, space in ((a, b, room), (b, a, 0)):
            self._pipes[start].append(len(self._target))
            self._target.append(end)
            self._room.append(space)

    def reached(self, source: int) -> dict[int, int]:
        """Places that `source` can still push to, each with the pipe that leads there."""
        arrived = {source: -1}
        waiting = deque([source])
        while waiting:
            for pipe in self._pipes[waiting.popleft()]:
                place = self._target[pipe]
                if self._room[pipe] and place not in arrived:
                    arrived[place] = pipe
                    waiting.append(place)
        return arrived

    def push(self, source: int, sink: int) -> int:
        """Push as much as fits along one shortest way; 0 when there is none."""
        arrived = self.reached(source)
        if sink not in arrived:
            return 0
        way = []
        place = sink
        while place != source:
            way.append(arrived[place])
            place = self._target[arrived[place] ^ 1]
        amount = min(self._room[pipe] for pipe in way)
        for pipe in way:
            self._room[pipe] -= amount
            self._room[pipe ^ 1] += amount
        return amount
