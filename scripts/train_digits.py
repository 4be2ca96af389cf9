"""Trains the bundled models/digits_cnn.onnx, writes its held-out images, prints the measured accuracy.

Run from the project's root, with scripts/train_requirements.txt installed: python -m scripts.train_digits

Data: the 1797 handwritten digits of scikit-learn (UCI ML hand-written digits, 8x8 pixels of 0..16). They are
enlarged four times by linear interpolation, so that the convolutions have work to do, and scaled to 0..1.
Every fourth digit, after one seeded shuffle, is held out and never trained on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn

from models.generators.builder import GraphBuilder

ENLARGE = 4
PREPROCESSING = "8x8 grey digit of 0..16, enlarged to 32x32 by linear interpolation, divided by 16"
Float = NDArray[np.float32]
Digits = tuple[Float, NDArray[np.int64]]


def interpolation(size: int, factor: int) -> Float:
    """Matrix [size * factor, size] of linear interpolation between pixel centres, edges repeated."""
    centres = (np.arange(size * factor) + 0.5) / factor - 0.5
    low = np.clip(np.floor(centres).astype(int), 0, size - 1)
    high = np.clip(low + 1, 0, size - 1)
    share = np.clip(centres - low, 0.0, 1.0)
    matrix = np.zeros((size * factor, size), np.float32)
    np.add.at(matrix, (np.arange(size * factor), low), 1.0 - share)
    np.add.at(matrix, (np.arange(size * factor), high), share)
    return matrix


def load(seed: int) -> tuple[Digits, Digits]:
    """Training and held-out digits, each x: [N, 1, 32, 32] in 0..1 and y: [N]."""
    digits = load_digits()
    enlarge = interpolation(8, ENLARGE)
    x = (enlarge @ (digits.images.astype(np.float32) / 16) @ enlarge.T)[:, None]
    order = np.random.default_rng(seed).permutation(len(x))
    held_out = np.arange(len(x)) % 4 == 0
    train, test = order[~held_out], order[held_out]
    return (x[train], digits.target[train]), (x[test], digits.target[test])


def network() -> nn.Sequential:
    """Three pooled 3x3 convolutions, then fully connected 128 and 10."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, 10))


def train(net: nn.Sequential, data: Digits, epochs: int, batch: int = 64) -> None:
    """AdamW with a one-cycle rate; every image is shifted by up to 3 pixels each time it is seen."""
    x, y = (torch.from_numpy(array) for array in data)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    steps = epochs * -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    net.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(batch):
            loss = nn.functional.cross_entropy(net(shift(x[chosen], 3)), y[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def shift(x: torch.Tensor, most: int) -> torch.Tensor:
    """Moves a batch by one random offset of at most `most` pixels; what enters is empty."""
    down, right = (int(offset) for offset in torch.randint(-most, most + 1, (2,)))
    size = x.shape[-1]
    return nn.functional.pad(x, [most] * 4)[
        ..., most + down : most + down + size, most + right : most + right + size
    ]


def to_onnx(net: nn.Sequential, metadata: dict[str, str]) -> onnx.ModelProto:
    """The trained network as an ONNX model; input [batch, 1, 32, 32], output `logits` [batch, 10]."""
    graph = GraphBuilder("digits_cnn", (1, 32, 32))
    x = graph.input
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            arrays = layer.weight.detach().numpy(), layer.bias.detach().numpy()
            x = graph.conv(x, *arrays, pad=1) if isinstance(layer, nn.Conv2d) else graph.gemm(x, *arrays)
        elif isinstance(layer, nn.MaxPool2d):
            x = graph.max_pool(x, 2, 2)
        else:
            x = graph.relu(x) if isinstance(layer, nn.ReLU) else graph.flatten(x)
    return graph.finish(x, metadata=metadata)


def accuracy(model: onnx.ModelProto, data: Digits) -> float:
    """Share of right answers in ONNX Runtime."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": data[0]})
    return float((logits.argmax(axis=1) == data[1]).mean())


def main(arguments: list[str] | None = None) -> int:
    """Trains, measures, writes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.train_digits")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "models", help="folder to write to"
    )
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)  # one order of summation, so that a machine repeats itself
    torch.use_deterministic_algorithms(True)
    training, held_out = load(options.seed)
    net = network()
    train(net, training, options.epochs)
    metadata = {
        "origin": f"scripts/train_digits.py, {len(training[0])} digits of scikit-learn's load_digits (UCI)",
        "license": "MIT",
        "preprocessing": PREPROCESSING,
    }
    measured = accuracy(to_onnx(net, metadata), held_out)
    metadata["accuracy"] = (
        f"{measured:.4f} top-1 on the {len(held_out[0])} held-out digits of digits_test.npz"
    )
    onnx.save_model(to_onnx(net, metadata), options.out / "digits_cnn.onnx")
    np.savez_compressed(options.out / "digits_test.npz", x=held_out[0], y=held_out[1])
    print(f"held-out accuracy {measured:.4f} ({len(held_out[0])} digits)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
