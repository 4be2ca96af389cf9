"""Models of free size give what the original gives, in the newest, a middle and the oldest ONNX Runtime.

Before 1.24 ONNX Runtime does not ask the library for shapes; from then on it takes what it hears literally.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spl_onnx.rewrite.rules.registry import rule_names
from tests.e2e.free_sizes import SITES, run_cases
from tests.e2e.runtimes import MIDDLE, OLDEST
from tests.rewrite.builders import TOLERANCE


def assert_equal(python: str, library: str, folder: Path, cases: list[str]) -> None:
    """All cases of a rule agree with plain ONNX Runtime on the original, with the library and without."""
    found = run_cases(python, library, folder, cases)
    wrong = {
        case: ways
        for case, ways in found.items()
        if not all(isinstance(off, float) and off <= TOLERANCE for off in ways.values())
    }
    assert not wrong, f"{len(wrong)} of {len(found)}: {wrong}"


def test_every_rule_has_cases():
    """Those on bytes have theirs in tests/rewrite/rules/quantised/test_free_sizes.py."""
    assert set(SITES) == {name for name in rule_names() if not name.startswith("qdq_")}


@pytest.mark.parametrize("predicted", [False, True])
@pytest.mark.parametrize("rule", SITES)
def test_newest(rule, predicted, plugin_path, cases_of):
    assert_equal(sys.executable, plugin_path, *cases_of(rule, predicted))


@pytest.mark.slow
@pytest.mark.parametrize("version", [MIDDLE, OLDEST])
def test_others(version, plugin_path, python_of, cases_of):
    python = python_of(version)
    for rule in SITES:
        for predicted in (False, True):
            assert_equal(python, plugin_path, *cases_of(rule, predicted))
