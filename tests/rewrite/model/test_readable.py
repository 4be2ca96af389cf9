"""Models that can be walked."""

from __future__ import annotations

import onnx
import pytest

from spl_onnx.errors import ModelError
from spl_onnx.rewrite.model.readable import require_readable
from tests.rewrite.graph.test_roundtrip import full_model
from tests.small_models import small_cnn


def test_sound_models_are_readable():
    require_readable(small_cnn(), "m.onnx")
    require_readable(full_model(), "m.onnx")


@pytest.mark.parametrize("name", [b"conv1", b"c1", b"Conv", b"w1", b"strides", b"input", b"small"])
def test_texts_that_are_no_utf8(name):
    model = small_cnn()
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("strides", [1, 1]))
    content = model.SerializeToString()
    broken = onnx.load_from_string(content.replace(name, b"\xff" + name[1:]))
    with pytest.raises(ModelError, match=r"m.onnx: holds the text .*wanted UTF-8"):
        require_readable(broken, "m.onnx")


@pytest.mark.parametrize("part", ["graph", "opset_import"])
def test_no_graph(part):
    model = small_cnn()
    model.ClearField(part)
    with pytest.raises(ModelError, match="holds no ONNX graph"):
        require_readable(model, "m.onnx")
