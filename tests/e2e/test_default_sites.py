"""What a rewrite without flags converts."""

from __future__ import annotations

from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model
from tests import datasets


def default_counts(name):
    return rewrite_model(datasets.load_network(name), RewriteOptions(no_verify=True)).plan.counts()


def test_googlenet_converts_its_nine_pooled_sites():
    assert default_counts("googlenet") == {"conv_relu_pool": 1, "conv_relu_concat_pool": 8}


def test_lenet_converts_two_pooled_convolutions_and_a_gemm():
    assert default_counts("mnist_lenet") == {"conv_pool": 2, "gemm_relu": 1}


def test_vgg_converts_its_pooled_sites_and_its_two_gemms():
    assert default_counts("cifar10_vgg") == {"conv_relu_pool": 3, "gemm_relu": 2}
