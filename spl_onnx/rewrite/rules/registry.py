"""All rules, in the order in which they are tried, and the selection by name."""

from __future__ import annotations

from collections.abc import Callable

from spl_onnx.errors import UsageError
from spl_onnx.options import RewriteOptions, name_list
from spl_onnx.rewrite.rules.base import LayerRule, Rule
from spl_onnx.rewrite.rules.conv import Conv
from spl_onnx.rewrite.rules.conv_add import ConvAdd
from spl_onnx.rewrite.rules.conv_add_relu import ConvAddRelu
from spl_onnx.rewrite.rules.conv_pool import ConvPool
from spl_onnx.rewrite.rules.conv_relu import ConvRelu
from spl_onnx.rewrite.rules.conv_relu_concat_pool import ConvReluConcatPool
from spl_onnx.rewrite.rules.conv_relu_pool import ConvReluPool
from spl_onnx.rewrite.rules.depthwise import Depthwise
from spl_onnx.rewrite.rules.gemm_relu import GemmRelu
from spl_onnx.rewrite.rules.lrn import LocalResponseNorm
from spl_onnx.rewrite.rules.matmul_relu import MatMulRelu
from spl_onnx.rewrite.rules.quantised.byte_rule import ByteRule
from spl_onnx.rewrite.rules.quantised.conv import ByteConv
from spl_onnx.rewrite.rules.quantised.conv_add import ByteConvAdd
from spl_onnx.rewrite.rules.quantised.conv_concat import ByteConvConcat
from spl_onnx.rewrite.rules.quantised.gemm import ByteGemm
from spl_onnx.rewrite.rules.quantised.pool import BytePool
from spl_onnx.rewrite.rules.site import Match

#: Rules that take more of the graph come first: what they refuse, a smaller pattern may still take.
RULES: tuple[Rule, ...] = (
    ConvReluPool(),
    ConvReluConcatPool(),
    ConvAddRelu(),
    ConvPool(),
    ConvRelu(),
    ConvAdd(),
    Conv(),
    Depthwise(),
    GemmRelu(),
    MatMulRelu(),
    LocalResponseNorm(),
    ByteConvAdd(),
    ByteConvConcat(),
    ByteConv(),
    ByteGemm(),
    BytePool(),
)
#: Names of the rules of layers between bytes.
BYTE_RULES = frozenset(rule.name for rule in RULES if isinstance(rule, ByteRule))
#: Operators that hold the weights of layers.
WEIGHTED: frozenset[str] = frozenset().union(*(rule.anchors for rule in RULES if isinstance(rule, LayerRule)))
#: Operators at which a rule looks.
ANCHORS: frozenset[str] = frozenset().union(*(rule.anchors for rule in RULES))


def rule_names() -> tuple[str, ...]:
    """Names of all rules."""
    return tuple(rule.name for rule in RULES)


def selector(options: RewriteOptions) -> Callable[[Rule, Match], bool]:
    """Which matches of which rules the user asked for.

    Raises:
        UsageError: A rule name is unknown.
    """
    wanted, skipped = set(name_list(options.rules)), set(name_list(options.skip_rules))
    left_out = set(name_list(options.skip_layers))
    _check_names("--rules", wanted - {"default", "all"}, ("default", "all"))
    _check_names("--skip-rules", skipped)

    def selected(rule: Rule, match: Match) -> bool:
        if rule.name in skipped or match.layer in left_out:
            return False
        named = rule.name in wanted or "all" in wanted
        wished = rule.is_default(match) or (options.lossless and rule.is_lossless(match))
        wished = wished or options.is_in_8_bits
        return named or ("default" in wanted and wished)

    return selected


def _check_names(flag: str, names: set[str], extra: tuple[str, ...] = ()) -> None:
    unknown = sorted(names - set(rule_names()))
    if unknown:
        known = ", ".join((*extra, *rule_names()))
        raise UsageError(f"{flag}: unknown rule {', '.join(unknown)}; known are {known}")
