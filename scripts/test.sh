#!/usr/bin/env bash
# Installs spl-onnx with its test tools and runs every check and test.
# Usage: scripts/test.sh [PYTEST ARGUMENTS]      VENV names the virtual environment (default .venv-test)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=$(realpath -m "${VENV:-$root/.venv-test}")
# shellcheck source=scripts/environment.sh
. "$root/scripts/environment.sh"
cd "$root"
use_environment "$environment"

failed=()
# check NAME COMMAND...: goes on after a failure, so that one run shows all of them.
check() {
  local name=$1
  shift
  step "$name"
  "$@" || failed+=("$name")
}

clang_format() {
  find ort_ops examples scripts tests \( -name '*.cc' -o -name '*.h' -o -name '*.inc' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
    xargs -0 --no-run-if-empty clang-format --dry-run -Werror
}

step "install"
pip install --quiet '.[test]'

python_folders=(spl_onnx models scripts experiments examples tests)
check "ruff check" ruff check "${python_folders[@]}"
check "ruff format" ruff format --check "${python_folders[@]}"
check "mypy" mypy
check "clang-format" clang_format
check "sizes of files and functions" python scripts/style_numbers.py
# "append" puts the checkout behind the installed package: what is tested is what pip installed.
# Two workers at once; -n 0 among the arguments runs all tests in one process.
check "tests" pytest --import-mode=append -n 2 "$@"

[ ${#failed[@]} -eq 0 ] || die "failed: $(printf '%s; ' "${failed[@]}")"
