"""How good predictors are: operations saved when every layer of a network has the same error.

For each error the cheapest setting of each layer counts that has no larger one, as the search finds it: the
share of the outputs that are computed, plus the predictor at a quarter (int8) or in full (float32). A layer
where nothing is gained stays dense. 64 images judge; what is fitted is fitted to the others.

    python -m scripts.bench_predictors
    python -m scripts.bench_predictors --networks resnet18 --images 192
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from scripts.networks import NETWORKS, data_folder, load
from spl_onnx.calibrate.site import PredictorSpec
from spl_onnx.data.parts import SearchData
from spl_onnx.measure.flops import model_work
from spl_onnx.measure.machine import cpu_name
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import read_model
from spl_onnx.search.budget.calibration import SiteLayer
from spl_onnx.search.budget.search import BudgetSearch
from spl_onnx.search.budget.site_options import ERRORS, KEEPS, flop_options

#: The predictors of each row.
KINDS = {
    "int8": [PredictorSpec("int8")],
    "pruned": [PredictorSpec("pruned", keep, weighted=True) for keep in KEEPS],
    "fitted": [PredictorSpec("pruned", keep, fitted=True) for keep in KEEPS],
    "int8, fitted": [
        PredictorSpec("int8"),
        *(PredictorSpec("int8", keep, fitted=True) for keep in KEEPS),
    ],
}
_BATCH = 16


def least_costs(layer: SiteLayer, flops: float, specs: Sequence[PredictorSpec]) -> list[float]:
    """Operations of a layer that are left at each of `ERRORS`."""
    options = flop_options(layer, flops, specs).options
    return [min([flops, *(o.cost for o in options if o.error <= error)]) for error in ERRORS]


def savings(model: onnx.ModelProto, x: np.ndarray) -> dict[str, list[float]]:
    """Shares of the operations of all layers that are saved at each of `ERRORS`, by kind.

    Args:
        model: the network.
        x: images, [n, C, H, W].
    """
    name = model.graph.input[0].name
    batches = [{name: x[i : i + _BATCH]} for i in range(0, len(x), _BATCH)]
    options = RewriteOptions(data="images", objective="flops", rules="all", no_verify=True)
    search = BudgetSearch(read_model(model), options, SearchData(batches))
    work = model_work(search.base, {name: (1, *x.shape[1:])})
    left = {kind: np.zeros(len(ERRORS)) for kind in KINDS}
    whole = 0.0
    for layer in search.layers(KEEPS):
        if layer.can_predict and layer.site.name in work.sites:
            flops = work.sites[layer.site.name].dense
            whole += flops
            for kind, specs in KINDS.items():
                left[kind] += least_costs(layer, flops, specs)
    return {kind: list(1 - values / whole) for kind, values in left.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, network by network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=["resnet18", "squeezenet1.1"], choices=NETWORKS)
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--data", type=Path, help="folder with models/ and images (default SPL_ONNX_DATA)")
    args = parser.parse_args(arguments)
    root = data_folder(args.data)
    errors = " | ".join(f"{error:.0%}" for error in ERRORS)
    print(f"{cpu_name()}\n\n| network | predictor | {errors} |\n|---|---|{'---|' * len(ERRORS)}", flush=True)
    for network in args.networks:
        x = NETWORKS[network].images(root, args.images)
        for kind, saved in savings(load(network, root, x), x).items():
            print(f"| {network} | {kind} | {' | '.join(f'{share:.1%}' for share in saved)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
