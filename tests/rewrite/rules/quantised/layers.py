"""Quantised networks that are built node by node, and how far a rewritten one is from ONNX Runtime's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from spl_onnx.measure.sessions import create_session
from spl_onnx.rewrite.result import RewriteResult
from tests.rewrite.builders import Net, rewritten

#: Codes of tensors with values of both signs, and of those from 0 on.
SIGNED, POSITIVE = (0.05, 117), (0.03, 0)


class ByteNet(Net):
    """A network in QDQ form. Bytes of a tensor `t` are called `t.q`, what they stand for `t.d`."""

    def bytes(self, x: str, code: tuple[float, int] = SIGNED, kind: type = np.uint8) -> str:
        """QuantizeLinear and DequantizeLinear behind `x`."""
        names = self.code(f"{x}.code", code, kind)
        self.node("QuantizeLinear", [x, *names], f"{x}.q")
        return self.node("DequantizeLinear", [f"{x}.q", *names], f"{x}.d")

    def code(self, name: str, code: tuple[float, int], kind: type = np.uint8) -> list[str]:
        """Constants: scale and zero point."""
        scale, zero = code
        return [self.const(f"{name}.scale", np.float32(scale)), self.const(f"{name}.zero", kind(zero))]

    def weights(self, name: str, *shape: int, axis: int = 0, per_channel: bool = True) -> str:
        """int8 constants behind DequantizeLinear."""
        q = self.rng.integers(-100, 101, shape).astype(np.int8)
        count = shape[axis]
        scale = self.rng.uniform(0.002, 0.01, count).astype(np.float32)
        zero = np.zeros(count, np.int8)
        names = [
            self.const(f"{name}.q", q),
            self.const(f"{name}.scale", scale if per_channel else scale[0]),
            self.const(f"{name}.zero", zero if per_channel else zero[0]),
        ]
        return self.node("DequantizeLinear", names, name, **({"axis": axis} if per_channel else {}))

    def bias(self, name: str, weights: str, xscale: float = SIGNED[0]) -> str:
        """int32 constants behind DequantizeLinear, whose scales are those of the products."""
        (scales,) = (t for t in self.initializers if t.name == f"{weights}.scale")
        scale = np.float32(xscale) * numpy_helper.to_array(scales)
        q = self.rng.integers(-3000, 3000, scale.size).astype(np.int32)
        names = [self.const(f"{name}.q", q), self.const(f"{name}.scale", scale)]
        return self.node("DequantizeLinear", names, name, **({"axis": 0} if scale.ndim else {}))

    def byte_conv(self, x: str, y: str, o: int, c: int, size: int = 3, **attrs: Any) -> str:
        """A convolution of dequantised weights and bias that keeps sizes."""
        pad = size // 2
        names = [x, self.weights(f"{y}.w", o, c, size, size), self.bias(f"{y}.b", f"{y}.w")]
        return self.node("Conv", names, y, **{"pads": [pad] * 4, **attrs})


def chain(**attrs: Any) -> ByteNet:
    """x as bytes, a convolution of 8 outputs `c`, and its bytes."""
    made = ByteNet()
    made.byte_conv(made.bytes(made.input("x", ["N", 4, 9, 8])), "c", 8, 4, **attrs)
    made.bytes("c")
    return made


def run_with(
    model: onnx.ModelProto, feeds: dict[str, NDArray[Any]], plugin: bool = True
) -> list[NDArray[Any]]:
    """Outputs of a model with the library, or in plain ONNX Runtime."""
    return create_session(model, threads=1, plugin=plugin).run(None, feeds)


def steps_apart(
    model: onnx.ModelProto, result: RewriteResult, feeds: dict[str, NDArray[Any]], scale: float
) -> NDArray[np.float64]:
    """How many steps the first outputs of the original and of the rewritten model differ by."""
    onnx.checker.check_model(result.model, full_check=True)
    expected = run_with(model, feeds, plugin=False)[0]
    assert len(np.unique(expected)) > 20, "a comparison of few values proves little"
    gap = run_with(result.model, feeds)[0].astype(np.float64) - expected
    return np.abs(gap) / scale


def sites(model: onnx.ModelProto, **options: Any) -> dict[str, str]:
    """Rule of every rewritten site."""
    plan = rewritten(model, **{"rules": "default", **options}).plan
    return {site.site: site.rule for site in plan.sites if site.is_rewritten}
