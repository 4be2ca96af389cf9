"""Densities that are measured against statistics of the same networks and images, made by other code."""

from __future__ import annotations

import json

import pytest

from spl_onnx.cli.main import main
from tests import datasets

PRESETS = {"googlenet": "caffe", "squeezenet1.1": "imagenet", "resnet18": "imagenet", "mobilenet_v2": "tf"}


def statistics(name):
    """By convolution: share of outputs that are positive and win a pooling window, if there is one."""
    for entry in json.loads(datasets.require("relu_statistics.json").read_text()):
        if entry["model"] == f"{name}.onnx":
            return {layer["conv"]: layer["survive"] for layer in entry["layers"]}
    raise KeyError(name)


@pytest.mark.parametrize("name", ["googlenet", "squeezenet1.1"])
def test_natural_densities_of_all_layers(plugin_path, tmp_path, name):
    """The statistics are over every 20th image, which `--limit 50` of 1000 takes too."""
    report = tmp_path / "report.json"
    flags = [
        "--data",
        str(datasets.require("imagenet1k-sample")),
        "--limit",
        "50",
        "-q",
        "--json",
        str(report),
    ]
    model = str(datasets.network_path(name))
    assert main(["inspect", model, *flags, "--preprocess", PRESETS[name]]) == 0
    wanted = statistics(name)
    entries = [s for s in json.loads(report.read_text())["sites"] if s["choice"] == "convertible"]
    assert all(s["density"] is None for s in entries if s["rule"] == "lrn"), "it selects nothing"
    sites = {s["layer"]: s for s in entries if s["rule"] != "lrn"}
    assert len(sites) >= 26
    # The published numbers are rounded to 4 digits; a few scores within rounding of 0 may fall either way.
    for layer, site in sites.items():
        assert site["density"] == pytest.approx(wanted[layer], abs=3e-4), layer
