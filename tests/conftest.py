"""Fixtures shared by all tests."""

from __future__ import annotations

import pytest

from spl_onnx.errors import PluginError
from spl_onnx.plugin import get_library_path


@pytest.fixture(scope="session")
def plugin_path() -> str:
    """Absolute path of the built plugin; skips where it is not built."""
    try:
        return get_library_path()
    except PluginError as error:
        pytest.skip(f"the plugin is not built: {error}")
