# Sourced by the other scripts: checks what the build needs and prepares a virtual environment.
# PYTHON names the interpreter (default python3), CXX the compiler (default g++).

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

step() {
  printf '\n== %s\n' "$*"
}

check_tools() {
  local python=$1
  command -v "$python" >/dev/null || die "$python not found: install Python 3.10 or newer, or set PYTHON"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    die "$("$python" --version 2>&1) is too old, 3.10 or newer is needed: set PYTHON to another interpreter"
  "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
    step "note: Python.h not found; the module for kernel tests is left out ('apt install python3-dev' to have it)"
  command -v "${CXX:-g++}" >/dev/null ||
    die "C++ compiler ${CXX:-g++} not found: on Debian/Ubuntu 'apt install g++', or set CXX"
}

# use_environment FOLDER: creates it where it does not exist, and puts its programs first in PATH.
use_environment() {
  local folder=$1 python=${PYTHON:-python3}
  check_tools "$python"
  unset PYTHONPATH PYTHONHOME
  if [ ! -x "$folder/bin/pip" ]; then
    step "virtual environment $folder"
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      "$python" -m venv "$folder"
    elif "$python" -c 'import virtualenv' 2>/dev/null; then
      "$python" -m virtualenv --quiet "$folder"
    else
      die "$python cannot make virtual environments (no ensurepip): on Debian/Ubuntu 'apt install python3-venv'"
    fi
  fi
  export PATH="$folder/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1
}
