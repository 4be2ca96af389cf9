#!/usr/bin/env bash
# Looks at a model, rewrites it, compares both and times both. The files go to FOLDER, or to one that is removed again.
# Usage: examples/command_line.sh [FOLDER]
set -euo pipefail
models=$(cd "$(dirname "${BASH_SOURCE[0]}")/../models" && pwd)
model=$models/digits_cnn.onnx
data=$models/digits_test.npz
if [ $# -gt 0 ]; then
  folder=$1
  mkdir -p "$folder"
else
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi

# Which layers could be rewritten, and why the others could not.
spl-onnx inspect "$model"

# All of them, with nothing given away. With the default objective each layer would be timed, and this model is so
# small that none gains; "none" takes what the rules say. The plan says what became of each layer.
spl-onnx rewrite "$model" "$folder/lossless.onnx" --rules all --lossless --plan-out "$folder/plan.json"

# Outputs that are cut off by ReLU or lose in max pooling are predicted and left out; the data shows what that costs.
spl-onnx rewrite "$model" "$folder/predicted.onnx" --data "$data" --objective none --json "$folder/report.json" \
  --html "$folder/report.html"

# Do both decide alike? Is it quicker here? Only a measurement on the machine that counts can tell.
spl-onnx compare "$model" "$folder/predicted.onnx" --data "$data"
spl-onnx bench "$model" "$folder/lossless.onnx" --data "$data"
