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

step "install"
pip install --quiet '.[test]'

step "style"
ruff check spl_onnx models scripts tests
ruff format --check spl_onnx models scripts tests
mypy
find ort_ops tests -name '*.cc' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' |
  xargs --no-run-if-empty clang-format --dry-run -Werror
python scripts/style_numbers.py

step "tests"
# "append" puts the checkout behind the installed package: what is tested is what pip installed.
pytest --import-mode=append "$@"
