#!/usr/bin/env bash
# Looks for faults: hostile uses of the operators, random networks, shared layers on many threads, damaged models,
# writers that are killed or find the disk full; memory, arithmetic and threads under sanitizers.
# Usage: scripts/harden.sh [--short] [--minutes N] [--record FILE] [STAGE...]      MINUTES=N is --minutes N, SHORT=1 --short
# VENV names the virtual environment (default .venv-test); INSTALL=0 takes it as it is.
# What is tried and how: docs/reliability.md
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=$(realpath -m "${VENV:-$root/.venv-test}")
# shellcheck source=scripts/environment.sh
. "$root/scripts/environment.sh"
cd "$root"
use_environment "$environment"

if [ "${INSTALL:-1}" != 0 ]; then
  step "install"
  pip install --quiet '.[test]'
fi
# Tools of the sanitizer builds, where the system has none.
command -v cmake >/dev/null || pip install --quiet cmake
command -v ninja >/dev/null || pip install --quiet ninja

options=()
[ "${SHORT:-0}" = 0 ] || options+=(--short)
[ -z "${MINUTES:-}" ] || options+=(--minutes "$MINUTES")
exec python -m scripts.harden.stages "${options[@]}" "$@"
