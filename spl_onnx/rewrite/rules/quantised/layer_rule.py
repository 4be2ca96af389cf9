"""What rules for layers with weights between bytes share, whether convolutions or products of matrices."""

from __future__ import annotations

from abc import abstractmethod

from spl_onnx.rewrite.rules.quantised.byte_rule import ByteRule, require_opset
from spl_onnx.rewrite.rules.quantised.emit import ByteLayer
from spl_onnx.rewrite.rules.site import Match


class ByteLayerRule(ByteRule):
    """A layer of the model's own bytes and weights."""

    def examine(self, match: Match) -> str:
        """Read every part, so that what cannot be expressed is refused here."""
        require_opset(match)
        code = self.layer(match).ycode
        return f"multiplies the model's own bytes; its result has scale {code.scale:.3g}"

    @abstractmethod
    def layer(self, match: Match) -> ByteLayer:
        """The layer of a match.

        Raises:
            Refused: It cannot be expressed.
        """
