"""Real networks: every rule, in plain ONNX Runtime without the library."""

from __future__ import annotations

import lzma

import numpy as np
import onnx
import pytest

from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.verification.verify import difference
from spl_onnx.steps import rewrite_model
from tests.datasets import CLASSIFIERS, NETWORKS, images, load_network, network_path, require
from tests.rewrite.builders import ops, run

#: Rewritten sites with every rule. Of two convolutions that are summed one is `conv_add_relu`, one `conv`.
EXPECTED_ALL = {
    "googlenet": {"conv_relu": 48, "conv_relu_pool": 1, "conv_relu_concat_pool": 8, "lrn": 2},
    "squeezenet1.1": {"conv_relu": 21, "conv_relu_pool": 1, "conv_relu_concat_pool": 4},
    "resnet18": {"conv_relu": 8, "conv_relu_pool": 1, "conv_add_relu": 8, "conv": 3},
    "resnet50": {"conv_relu": 32, "conv_relu_pool": 1, "conv_add_relu": 16, "conv": 4},
    "mobilenet_v2": {"conv_relu": 18, "conv": 8, "conv_add": 10, "depthwise": 17},
    "cifar10_resnet20": {"conv_relu": 10, "conv_add_relu": 9},
    "cifar10_resnet56": {"conv_relu": 28, "conv_add_relu": 27},
    "cifar10_vgg": {"conv_relu": 3, "conv_relu_pool": 3, "gemm_relu": 2},
    "mnist_lenet": {"conv_pool": 2, "gemm_relu": 1},
    "dncnn25": {"conv_relu": 16, "conv": 1},
}
#: 16 float32 roundings of the largest output: measured 0 to 6; the original differs from itself by 1 to 9
#: between optimisation levels of ONNX Runtime.
TOLERANCE = 16 * float(np.finfo(np.float32).eps)


def inputs(name: str) -> np.ndarray:
    if name in CLASSIFIERS:
        return images(name, 2)[0]
    return np.random.default_rng(0).random((2, 1, 50, 70), np.float32)


def assert_equal_without_library(name: str, model: onnx.ModelProto, changed: onnx.ModelProto) -> None:
    feeds = {"input": inputs(name)}
    assert difference(run(changed, feeds)[0], run(model, feeds)[0]) <= TOLERANCE


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("lossless", [False, True])
def test_every_rule(name, lossless):
    model = load_network(name)
    before = model.SerializeToString(deterministic=True)
    result = rewrite_model(model, RewriteOptions(rules="all", lossless=lossless, no_verify=True))
    assert result.plan.counts() == EXPECTED_ALL[name]
    assert all(site.reason for site in result.plan.sites)
    predicted = sum(EXPECTED_ALL[name].values()) - sum(
        EXPECTED_ALL[name].get(rule, 0) for rule in ("conv", "conv_add", "depthwise", "lrn")
    )
    assert ops(result.model).count("SPLPredict") == (0 if lossless else predicted)
    onnx.checker.check_model(result.model, full_check=True)
    assert_equal_without_library(name, model, result.model)
    assert model.SerializeToString(deterministic=True) == before, "the input model is not changed"
    assert result.model.graph.input == model.graph.input
    assert result.model.graph.output == model.graph.output
    assert result.model.metadata_props == model.metadata_props


def test_googlenet_default_converts_the_pooled_sites():
    result = rewrite_model(load_network("googlenet"), RewriteOptions(no_verify=True))
    assert result.plan.counts() == {"conv_relu_pool": 1, "conv_relu_concat_pool": 8}
    assert result.plan.sites[0].layer.startswith("conv1/")
    assert result.plan.sites[0].rule == "conv_relu_pool"


def test_lenet_default_converts_both_convolutions_and_the_gemm():
    result = rewrite_model(load_network("mnist_lenet"))
    assert result.plan.counts() == {"conv_pool": 2, "gemm_relu": 1}


#: Transposes left when every site is converted. One is at the input.
TRANSPOSES = {
    "googlenet": 1,
    "squeezenet1.1": 1,
    "resnet18": 1,
    "resnet50": 1,
    "cifar10_resnet56": 1,
    "dncnn25": 2,
}


@pytest.mark.parametrize("name", TRANSPOSES)
def test_images_stay_channels_last_from_site_to_site(name):
    result = rewrite_model(load_network(name), RewriteOptions(rules="all", lossless=True, no_verify=True))
    assert ops(result.model).count("Transpose") == TRANSPOSES[name]


def test_default_verification_passes_and_is_reported():
    report = rewrite_model(load_network("resnet18"), RewriteOptions(rules="all")).report["verification"]
    assert report["checker"] == "passed"
    assert report["fallback_difference"] <= report["tolerance"] < 1e-4


def test_resnet50_from_its_archive():
    require("models/resnet50.onnx.xz")
    with lzma.open(network_path("resnet50")) as file:
        model = onnx.load_from_string(file.read())
    assert rewrite_model(model, RewriteOptions(no_verify=True)).plan.counts() == {"conv_relu_pool": 1}


def test_plan_of_a_real_network_can_be_applied_again():
    model = load_network("googlenet")
    first = rewrite_model(model, RewriteOptions(no_verify=True))
    second = rewrite_model(model, RewriteOptions(no_verify=True), plan=first.plan)
    assert second.model.SerializeToString(deterministic=True) == first.model.SerializeToString(
        deterministic=True
    )
