"""Work of models, against products worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from spl_onnx.measure.flops import INT8_PRICE, ModelWork, SiteWork, model_work, reduction
from spl_onnx.measure.statistics import SiteCounts
from spl_onnx.options import RewriteOptions
from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.steps import rewrite_model
from tests.small_models import small_cnn

ONE = {"input": (1, 3, 8, 8)}
CONV1 = 2 * (8 * 8 * 8) * (3 * 3 * 3)
CONV2 = 2 * (16 * 4 * 4) * (8 * 3 * 3)
GEMM1 = 2 * 16 * 12
GEMM2 = 2 * 12 * 5


def rewritten(**options):
    return rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True, **options)).model


def nonzero(model, name):
    (tensor,) = [t for t in model.graph.initializer if t.name == name]
    return np.count_nonzero(numpy_helper.to_array(tensor)) / np.prod(tensor.dims)


def test_original():
    work = model_work(small_cnn(), ONE)
    assert work.complete and not work.sites
    assert work.dense == CONV1 + CONV2 + GEMM1 + GEMM2


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"predictor": "pruned", "keep": 0.5}])
def test_rewriting_does_not_change_the_dense_work(options):
    work = model_work(rewritten(**options), ONE)
    assert work.complete and work.dense == CONV1 + CONV2 + GEMM1 + GEMM2
    assert {name: site.dense for name, site in work.sites.items()} == {
        "pooled": CONV1,
        "second": CONV2,
        "hidden": GEMM1,
    }


def test_prices_of_predictors():
    model = rewritten()
    int8, share = model_work(model, ONE).sites["second"], nonzero(model, "second/Wp")
    assert 0.9 < share <= 1, "some weights round to 0"
    assert (int8.predictor, int8.predictor_full) == (CONV2 * share * INT8_PRICE, CONV2 * share)
    pruned = model_work(rewritten(predictor="pruned", keep=0.25), ONE).sites["second"]
    assert pruned.predictor == pruned.predictor_full == CONV2 * 0.25
    exact = model_work(rewritten(lossless=True), ONE).sites["second"]
    assert exact.predictor == exact.predictor_full == 0


def test_a_pruned_int8_predictor_costs_its_weights_at_the_price_of_int8():
    plan = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True)).plan
    plan.find("second", "conv_relu").settings = SiteSettings("int8", 0.25)
    model = rewrite_model(small_cnn(), RewriteOptions(rules="all", no_verify=True), plan=plan).model
    site, share = model_work(model, ONE).sites["second"], nonzero(model, "second/Wp")
    assert share == 0.25
    assert (site.predictor, site.predictor_full) == (CONV2 * 0.25 * INT8_PRICE, CONV2 * 0.25)


def test_products_in_8_bits_are_counted_like_others_and_named():
    work = model_work(rewritten(precision="int8"), ONE)
    assert {name: site.is_in_8_bits for name, site in work.sites.items()} == dict.fromkeys(work.sites, True)
    found = reduction(work, {})
    assert found.in_8_bits == CONV1 + CONV2 + GEMM1 and found.selected == found.dense == work.dense
    assert reduction(model_work(rewritten(lossless=True), ONE), {}).in_8_bits == 0


def test_share_of_a_site():
    work = model_work(rewritten(), ONE)
    assert work.share(work.sites["pooled"]) == CONV1 / work.dense
    assert ModelWork({}, 1.0, complete=False).share(SiteWork(1.0)) is None


def test_unknown_shapes_are_admitted():
    work = model_work(
        rewrite_model(small_cnn(size="S"), RewriteOptions(no_verify=True)).model, {"input": None}
    )
    assert not work.complete


def test_other_operators():
    weights = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in (("a", (6, 4)), ("t", (3, 5, 2, 2)), ("g", (4, 6, 1, 1)))
    ]
    nodes = [
        helper.make_node("MatMul", ["m", "a"], ["my"]),
        helper.make_node("ConvTranspose", ["i", "t"], ["iy"], strides=[2, 2]),
        helper.make_node("Conv", ["k", "g"], ["ky"], group=2),
        helper.make_node("Gemm", ["p", "a"], ["py"], transA=1),
    ]
    sizes = {"m": [2, 3, 6], "i": [1, 3, 4, 4], "k": [1, 12, 2, 2], "p": [6, 7]}
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in sizes.items()]
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("my", "iy", "ky", "py")]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, weights))
    macs = 2 * 3 * 6 * 4 + (3 * 4 * 4) * (5 * 2 * 2) + (4 * 2 * 2) * 6 + 7 * 6 * 4
    assert model_work(model, {}).dense == 2 * macs


def test_reduction_takes_the_predictor_into_account():
    work = ModelWork({"a": SiteWork(800.0, 200.0, 800.0)}, rest=200.0)
    result = reduction(work, {"a": SiteCounts(outputs=10, computed=2, inputs=10, zeros=5)})
    assert (result.dense, result.selected) == (1000, 200 + 160)
    assert result.fraction(result.predictor) == pytest.approx(1 - 0.56)
    assert result.fraction(result.predictor_full) == pytest.approx(1 - 1.16)
    assert result.fraction(0.0) == pytest.approx(1 - 0.36)
    assert result.skippable == 80


def test_a_site_that_was_not_counted_is_dense():
    work = ModelWork({"a": SiteWork(800.0)}, rest=200.0)
    assert reduction(work, {}).selected == 1000
    assert reduction(ModelWork(), {}).fraction(0.0) == 0
