"""Every network, all sites converted with the int8 predictor: decisions stay what they were."""

from __future__ import annotations

import pytest

from tests import datasets
from tests.e2e import networks

IMAGES = 200


@pytest.mark.parametrize("name", datasets.CLASSIFIERS)
def test_decisions_agree_with_the_original(plugin_path, name):
    wanted = 0.985 if name in datasets.CIFAR else 0.99
    original = networks.original_outputs(name, IMAGES)
    predicted = networks.predicted_outputs(name, IMAGES)
    assert networks.share_of_equal_decisions(predicted, original) >= wanted


@pytest.mark.parametrize("name", datasets.CLASSIFIERS)
def test_predictions_are_at_work(plugin_path, name):
    """Were the dense bodies running, outputs would be equal to rounding; predictions change them more."""
    original = networks.original_outputs(name, IMAGES)
    predicted = networks.predicted_outputs(name, IMAGES)
    with pytest.raises(AssertionError):
        networks.assert_close_to_dense(predicted, original, rounding=1e-5)


def test_the_denoiser_loses_less_than_five_hundredths_of_a_decibel(plugin_path):
    clean = datasets.set12()[1]
    before = networks.mean_psnr(networks.original_outputs("dncnn25", 12), clean)
    after = networks.mean_psnr(networks.predicted_outputs("dncnn25", 12), clean)
    assert before == pytest.approx(30.77, abs=0.01), "the original must be what its README says"
    assert before - after < 0.05


@pytest.mark.parametrize("name", datasets.NETWORKS)
def test_every_network_has_sites_and_a_reason_for_each(name):
    plan = networks.rewritten(name).plan
    assert plan.counts(), "nothing was converted"
    assert all(site.reason for site in plan.sites)
    operators = [node.op_type for node in networks.rewritten(name).model.graph.node]
    choices = [(site.choice, site.rule) for site in plan.sites if site.rule not in ("none", "lrn")]
    assert operators.count("SRMM") == sum(choice != "dense" for choice, _ in choices)
    assert operators.count("SPLPredict") == sum(choice == "predict" for choice, _ in choices)
    assert {choice for choice, rule in choices if rule == "conv"} <= {"lossless", "dense"}
