"""Fixtures shared by all tests."""

from __future__ import annotations

from typing import Any

import pytest

from spl_onnx.errors import PluginError
from spl_onnx.plugin import get_library_path

#: Files whose tests share what takes long to make, by the start of their names; one worker runs them all.
_TOGETHER = {
    "tests/ort_ops/cuda/": "emulator",
    "tests/e2e/test_free_sizes.py": "runtimes",
    "tests/e2e/test_old_runtime.py": "runtimes",
    "tests/e2e/test_small_images.py": "runtimes",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several workers (-n) the tests of a file run in one of them, in their order."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((name for start, name in _TOGETHER.items() if file.startswith(start)), file)

    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers files with slow tests come first, so that none is waited for in the end."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def plugin_path() -> str:
    """Absolute path of the built plugin; skips where it is not built."""
    try:
        return get_library_path()
    except PluginError as error:
        pytest.skip(f"the plugin is not built: {error}")
