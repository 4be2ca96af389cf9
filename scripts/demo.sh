#!/usr/bin/env bash
# Installs spl-onnx, rewrites the bundled digit classifier, checks it, and shows before and after.
# Usage: scripts/demo.sh [OUTPUT.onnx]      VENV names the virtual environment (default .venv-demo)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
output=$(realpath -m "${1:-$root/out/digits_spl.onnx}")
environment=$(realpath -m "${VENV:-$root/.venv-demo}")
# shellcheck source=scripts/environment.sh
. "$root/scripts/environment.sh"
cd "$root"
use_environment "$environment"

step "install (the first time takes a minute or two)"
pip install --quiet .

model=models/digits_cnn.onnx
data=models/digits_test.npz
mkdir -p "$(dirname "$output")"

step "is the library usable here?"
spl-onnx doctor
step "rewrite $model"
# The model is so small that nothing in it is worth the time of a conversion; here all of it is shown.
spl-onnx rewrite "$model" "$output" --data "$data" --objective none
step "compare on $data"
spl-onnx compare "$model" "$output" --data "$data"
step "time both"
spl-onnx bench "$model" "$output" --data "$data"
printf '\nThe rewritten model is %s\n' "$output"
