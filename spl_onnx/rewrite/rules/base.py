"""What a rule is: it finds its pattern, examines what it found, and says what takes its place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import onnx_graphsurgeon as gs

from spl_onnx.errors import SplError
from spl_onnx.rewrite.graph.context import Scope
from spl_onnx.rewrite.rules.site import Decision, Folded, Match, Refused, Site, unforeseen


class Rule(ABC):
    """One pattern; what becomes of it is said by `LayerRule` or `ExactRule`.

    Class attributes:
        name: Name on the command line.
        anchors: Operator types that a pattern starts at: those that hold the weights, if any do.
        summary: The pattern in one line, for tables.
        predicts: Whether outputs may be left out on a prediction. Where not, there is nothing to set: the
            rule is part of a lossless rewrite, and otherwise applies where it is asked for.
    """

    name: ClassVar[str]
    anchors: ClassVar[frozenset[str]]
    summary: ClassVar[str]
    predicts: ClassVar[bool] = True

    @abstractmethod
    def pattern(self, scope: Scope, anchor: gs.Node) -> list[Match]:
        """Matches that start at `anchor`, the one to be preferred first; only the form counts here."""

    @abstractmethod
    def examine(self, match: Match) -> str:
        """Look at everything else; returns what is worth saying about an accepted match.

        Raises:
            Refused: The match cannot be rewritten.
        """

    def is_default(self, match: Match) -> bool:
        """Whether `match` is converted when the user names no rules and gives no data.

        Without data only predictions are worth their Transposes.
        """
        return self.predicts

    def is_lossless(self, match: Match) -> bool:
        """Whether `match` is part of a lossless rewrite when the user names no rules and gives no data."""
        return not self.predicts

    def check(self, match: Match) -> Decision:
        """Accept or refuse `match`; the decision always has a reason."""
        if match.problems:
            return Decision(False, match.problems[0])
        try:
            return Decision(True, self.examine(match) or self.summary)
        except (Refused, SplError) as refusal:  # errors: of attributes and geometry that nothing can mean
            return Decision(False, str(refusal))
        except MemoryError:
            raise
        except Exception as error:
            return Decision(False, unforeseen(match, error))


class LayerRule(Rule):
    """A layer with weights, which becomes SRMM."""

    @abstractmethod
    def fold(self, match: Match) -> Folded:
        """Weights and bias of an accepted match with all around them folded in: what costs time."""

    @abstractmethod
    def site(self, match: Match, folded: Folded) -> Site:
        """The site of an accepted match with what `fold` made of it."""


class ExactRule(Rule):
    """Nodes without weights that others replace with the same values."""

    predicts: ClassVar[bool] = False

    @abstractmethod
    def replacement(self, match: Match, inputs: list[gs.Tensor]) -> list[gs.Node]:
        """The new nodes, in order; one of them writes the match's output.

        Args:
            match: An accepted match; its nodes stay until the new ones are put in their place.
            inputs: What its anchor read.
        """
