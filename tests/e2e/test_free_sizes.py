"""Models of free size give what the original gives, in the newest, a middle and the oldest ONNX Runtime.

Before 1.24 ONNX Runtime does not ask the library for shapes; from then on it takes what it hears literally.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spl_onnx.rewrite.rules.registry import rule_names
from tests.e2e.free_sizes import SITES, run_cases, write_cases
from tests.e2e.runtimes import MIDDLE, OLDEST, python_with
from tests.rewrite.builders import TOLERANCE


def assert_equal(python: str, library: str, rule: str, predicted: bool, folder: Path) -> None:
    """All cases of a rule agree with plain ONNX Runtime on the original, with the library and without."""
    folder.mkdir(exist_ok=True)
    found = run_cases(python, library, folder, write_cases(rule, predicted, folder))
    wrong = {
        case: ways
        for case, ways in found.items()
        if not all(isinstance(off, float) and off <= TOLERANCE for off in ways.values())
    }
    assert not wrong, f"{len(wrong)} of {len(found)}: {wrong}"


def test_every_rule_has_cases():
    assert set(SITES) == set(rule_names())


@pytest.mark.parametrize("predicted", [False, True])
@pytest.mark.parametrize("rule", SITES)
def test_newest(rule, predicted, plugin_path, tmp_path):
    assert_equal(sys.executable, plugin_path, rule, predicted, tmp_path)


@pytest.fixture(scope="module", params=[MIDDLE, OLDEST])
def other_python(request, tmp_path_factory):
    return python_with(request.param, tmp_path_factory.mktemp("runtime"))


@pytest.mark.slow
def test_others(other_python, plugin_path, tmp_path):
    for rule in SITES:
        for predicted in (False, True):
            assert_equal(other_python, plugin_path, rule, predicted, tmp_path / f"{rule}{predicted}")
