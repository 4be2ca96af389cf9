"""Rewrites a model from Python, shows what became of its layers, and runs the result.

python examples/python_api.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

import spl_onnx

MODELS = Path(__file__).resolve().parent.parent / "models"


def main() -> None:
    """Rewrite the digit classifier and compare both models on the bundled digits."""
    path, data = MODELS / "digits_cnn.onnx", MODELS / "digits_test.npz"

    # Options are named like the flags of the command line. With data the loss is measured, and refused above
    # max_drop; objective "time" would also time every layer and convert those that gain.
    result = spl_onnx.rewrite(path, data=str(data), objective="none", max_drop=0.01)
    for site in result.plan.sites:
        print(f"{site.site}: {site.choice}, {site.reason or 'as the rules say'}")
    accuracy = result.report["accuracy"]
    print(f"{accuracy['metric']}: {accuracy['before']:.4f} before, {accuracy['after']:.4f} after")

    # A session needs the operator library; without it the model runs too, dense and exact.
    options = ort.SessionOptions()
    spl_onnx.register(options)
    rewritten = ort.InferenceSession(result.model.SerializeToString(), options)
    original = ort.InferenceSession(path)

    digits = np.load(data)["x"][:100]
    decisions = [session.run(None, {"input": digits})[0].argmax(axis=1) for session in (original, rewritten)]
    print(f"{np.mean(decisions[0] == decisions[1]):.0%} of {len(digits)} digits are read alike")


if __name__ == "__main__":
    main()
