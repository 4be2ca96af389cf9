import ctypes
import gc
import weakref

import pytest

from spl_onnx.measure import memory
from spl_onnx.measure.memory import give_back


class _Node:
    pass


def test_cycles_are_freed():
    one, other = _Node(), _Node()
    one.next, other.next = other, one
    seen = weakref.ref(one)
    gc.disable()
    try:
        del one, other
        assert seen() is not None
        give_back()
        assert seen() is None
    finally:
        gc.enable()


def test_malloc_is_asked_where_it_can_be(monkeypatch):
    asked = []
    monkeypatch.setattr(memory, "_malloc_trim", lambda: asked.append)
    give_back()
    assert asked == [0]


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_other_c_libraries_do_without(monkeypatch, error):
    def refuse(name):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert memory._malloc_trim() is None
    give_back()
