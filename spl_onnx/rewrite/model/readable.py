"""Models that can be walked: they hold a graph, and all names in them are text.

Protobuf reads strings that are no UTF-8; they fail, or turn out to be bytes, only where they are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx

from spl_onnx.errors import ModelError


def require_readable(model: onnx.ModelProto, where: str) -> None:
    """Refuse a model that nothing can be read from.

    Args:
        model: The model.
        where: Names it in messages.

    Raises:
        ModelError: It holds no graph, or a text that is not UTF-8.
    """
    if not model.HasField("graph") or not model.graph.node or not model.opset_import:
        raise ModelError(f"{where}: holds no ONNX graph, wanted a model file as onnx.save writes it")
    try:
        wrong = next((text for text in _texts(model) if not isinstance(text, str)), None)
    except UnicodeDecodeError as error:
        wrong = error.object
    if wrong is not None:
        raise ModelError(
            f"{where}: holds the text {wrong[:80]!r}, wanted UTF-8; the file is damaged or wrongly exported"
        )


def _texts(message: Any) -> Iterator[Any]:
    """Every text of `message`; the data of tensors is not touched."""
    if isinstance(message, onnx.TensorProto):
        yield from (message.name, message.doc_string)
        for field in (message.external_data, message.metadata_props):
            for entry in field:
                yield from (entry.key, entry.value)
        return
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            yield from [value] if isinstance(value, str | bytes) else value
        elif field.type == field.TYPE_MESSAGE:
            for inner in [value] if hasattr(value, "ListFields") else value:
                yield from _texts(inner)
