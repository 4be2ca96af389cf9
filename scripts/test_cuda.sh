#!/usr/bin/env bash
# On a machine with a GPU: builds the CUDA kernels, tests them there, looks for bad memory accesses and
# races, and compares whole networks with the CPU. Then scripts/bench_cuda.py can run.
# Usage: scripts/test_cuda.sh [PYTEST ARGUMENTS]     VENV names the virtual environment (default .venv-cuda)
#        BENCH=1 runs the benchmark at the end.
#        OFFLINE=1 installs nothing: python3 (or PYTHON) has numpy, onnx, onnxruntime, pillow, pytest and
#        hypothesis, and cmake and ninja are in PATH.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=$(realpath -m "${VENV:-$root/.venv-cuda}")
# shellcheck source=scripts/environment.sh
. "$root/scripts/environment.sh"
cd "$root"

nvcc=$(command -v nvcc || true)
[ -n "$nvcc" ] || nvcc=$(ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)
[ -n "$nvcc" ] || die "nvcc not found: install the CUDA toolkit 12 or 13, or put nvcc in PATH"
nvidia-smi -L >/dev/null 2>&1 || die "no GPU: nvidia-smi finds none. The kernels are tested emulated by scripts/test.sh"
PATH="$(dirname "$nvcc"):$PATH"
architecture=${SPL_CUDA_ARCHITECTURES:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)}
defines=(SPL_CUDA=ON "SPL_CUDA_ARCHITECTURES=${architecture}-real")

prepare() {
  use_environment "$environment"
  step "install"
  pip install --quiet "${defines[@]/#/--config-settings=cmake.define.}" '.[test]' cmake ninja
  if pip download --quiet --no-deps --dest "$(mktemp -d)" onnxruntime-gpu >/dev/null 2>&1; then
    # Both install the module onnxruntime, so only one may stay.
    pip uninstall --quiet --yes onnxruntime
    pip install --quiet 'onnxruntime-gpu[cuda,cudnn]' || pip install --quiet onnxruntime-gpu
  else
    step "note: onnxruntime-gpu cannot be installed; whole networks are left out"
  fi
}

python=python
if [ -n "${OFFLINE:-}" ]; then
  python=${PYTHON:-python3}
  export PYTHONPATH="$root"
else
  prepare
fi

step "kernels as a library of their own"
cmake -S . -B build/cuda -G Ninja -DSPL_PYTHON=OFF "${defines[@]/#/-D}"
cmake --build build/cuda --target spl_cuda_harness
if [ -n "${OFFLINE:-}" ]; then
  cmake --build build/cuda --target spl_ops spl_ops_cuda
  install build/cuda/ort_ops/ops/libspl_ops.so build/cuda/ort_ops/cuda/libspl_ops_cuda.so spl_onnx/
fi
SPL_ONNX_CUDA_HARNESS="$root/build/cuda/ort_ops/cuda/libspl_cuda_harness.so"
export SPL_ONNX_CUDA_HARNESS

step "kernels against the reference, emulated and on the GPU"
"$python" -m pytest --import-mode=append tests/ort_ops/cuda "$@"

if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    step "compute-sanitizer $tool"
    # Every kernel is many times slower here, so there are few random cases.
    SPL_ONNX_FEW_EXAMPLES=1 compute-sanitizer --tool "$tool" --error-exitcode 9 --target-processes all \
      "$python" -m pytest --import-mode=append tests/ort_ops/cuda -k 'gpu' -x "$@"
  done
else
  step "note: compute-sanitizer not found; memory accesses and races are not looked at"
fi

step "whole networks with the CUDA provider"
"$python" -m spl_onnx doctor || true
"$python" -m pytest --import-mode=append tests/e2e/test_cuda.py "$@"

if [ -n "${BENCH:-}" ]; then
  step "benchmark"
  "$python" scripts/bench_cuda.py --json build/cuda/bench.json
else
  printf '\nBenchmark: SPL_ONNX_CUDA_HARNESS=%s %s scripts/bench_cuda.py\n' "$SPL_ONNX_CUDA_HARNESS" "$(command -v "$python")"
fi
