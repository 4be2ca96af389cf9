"""Work of a model: floating point operations, dense and as rewritten.

A multiply-accumulate is two operations. A predictor costs its non-zero weights: a float32 one in full, an
int8 one a quarter, because four 8-bit products take the place of one float32 product; the totals with the
int8 predictor at full price and at none are given beside it. Predictors that are pruned weight by weight are
priced so too, although no kernel gets faster by their zeros. Input zeros are counted separately, never
subtracted. So is the work of layers that multiply in 8 bits: it is the layer itself, at full price.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx

from spl_onnx.measure.shapes import Shape, infer_shapes
from spl_onnx.measure.sites import ConvertedSite, constants, converted_sites, nonzero_share
from spl_onnx.measure.statistics import SiteCounts
from spl_onnx.spec.attributes import FLOAT32

INT8_PRICE = 0.25
_PER_MAC = 2


@dataclass(frozen=True)
class SiteWork:
    """Operations of one site for one sample.

    Attributes:
        dense: of the layer computed in full.
        predictor: of the predictor's non-zero weights, int8 ones at a quarter.
        predictor_full: of the predictor's non-zero weights, int8 ones at full price.
        is_in_8_bits: whether the layer itself multiplies in 8 bits.
    """

    dense: float
    predictor: float = 0.0
    predictor_full: float = 0.0
    is_in_8_bits: bool = False


@dataclass(frozen=True)
class ModelWork:
    """Operations of a model for one sample.

    Attributes:
        sites: work of the converted sites by name.
        rest: work of all other convolutions and matrix products.
        complete: whether the shapes of all of them are known.
    """

    sites: dict[str, SiteWork] = field(default_factory=dict)
    rest: float = 0.0
    complete: bool = True

    @property
    def dense(self) -> float:
        """Operations when nothing is skipped."""
        return self.rest + sum(site.dense for site in self.sites.values())

    def share(self, site: SiteWork) -> float | None:
        """Share of the dense work that a site has; None where the whole is not known."""
        return site.dense / self.dense if self.complete and self.dense else None


def model_work(model: onnx.ModelProto, inputs: dict[str, Shape | None]) -> ModelWork:
    """Count the operations of the main graph.

    Args:
        model: an original or a rewritten model.
        inputs: shape of each input, see `single_sample_shapes`.
    """
    shapes = infer_shapes(model, inputs)
    weights = constants(model)
    sites, complete = {}, True
    for site in converted_sites(model):
        work = _site_work(site, shapes, weights)
        complete &= work is not None
        if work is not None:
            sites[site.name] = work
    plain = [_node_macs(node, shapes) for node in model.graph.node if node.op_type in _COUNTED]
    complete &= None not in plain
    return ModelWork(sites, float(sum(macs or 0 for macs in plain)) * _PER_MAC, complete)


def _site_work(
    site: ConvertedSite, shapes: dict[str, Shape], weights: dict[str, onnx.TensorProto]
) -> SiteWork | None:
    x, w = shapes.get(site.x), shapes.get(site.w)
    if x is None or w is None:
        return None
    dense = float(np.prod(site.places(x, w), dtype=np.float64) * site.macs_per_output(w)) * _PER_MAC
    if site.wp is None or site.wp not in weights:
        return SiteWork(dense, is_in_8_bits=site.precision != FLOAT32)
    predictor = weights[site.wp]
    cost = dense * nonzero_share(predictor)
    is_int8 = predictor.data_type == onnx.TensorProto.INT8
    return SiteWork(dense, cost * INT8_PRICE if is_int8 else cost, cost)


def _conv_macs(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int:
    return _size(shapes[node.output[0]]) * _size(shapes[node.input[1]][1:])


def _conv_transpose_macs(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int:
    return _size(shapes[node.input[0]]) * _size(shapes[node.input[1]][1:])


def _gemm_macs(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int:
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return _size(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]


def _matmul_macs(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int:
    return _size(shapes[node.output[0]]) * shapes[node.input[0]][-1]


_COUNTED = {
    "Conv": _conv_macs,
    "ConvTranspose": _conv_transpose_macs,
    "Gemm": _gemm_macs,
    "MatMul": _matmul_macs,
}


def _node_macs(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int | None:
    try:
        return _COUNTED[node.op_type](node, shapes)
    except (KeyError, IndexError):  # a shape is unknown
        return None


def _size(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))


@dataclass(frozen=True)
class Reduction:
    """Operations of a rewritten model for one sample, from measured densities.

    Attributes:
        dense: of the original.
        selected: of what is still computed, layers that were not converted included.
        predictor: of all predictors, int8 at a quarter.
        predictor_full: of all predictors, int8 at full price.
        skippable: of the selected part, those whose input is zero (inputs counted over the whole tensor).
        in_8_bits: of the selected part, those of layers that multiply in 8 bits.
    """

    dense: float
    selected: float
    predictor: float
    predictor_full: float
    skippable: float
    in_8_bits: float = 0.0

    def fraction(self, predictor: float) -> float:
        """Share of the dense work that is saved when the predictors cost `predictor`."""
        return 1.0 - (self.selected + predictor) / self.dense if self.dense else 0.0


def reduction(work: ModelWork, counts: dict[str, SiteCounts]) -> Reduction:
    """Work with the densities of `counts`; a site that was not counted is taken as dense."""
    selected, skippable = work.rest, 0.0
    for name, site in work.sites.items():
        counted = counts.get(name, SiteCounts())
        selected += site.dense * counted.density
        skippable += site.dense * counted.density * counted.zero_share
    return Reduction(
        dense=work.dense,
        selected=selected,
        predictor=sum(site.predictor for site in work.sites.values()),
        predictor_full=sum(site.predictor_full for site in work.sites.values()),
        skippable=skippable,
        in_8_bits=sum(site.dense for site in work.sites.values() if site.is_in_8_bits),
    )
