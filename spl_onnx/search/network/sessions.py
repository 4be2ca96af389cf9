"""Sessions of a network's segments, one of each at a time: ONNX Runtime and the kernels both copy weights."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from spl_onnx.measure.memory import give_back
from spl_onnx.measure.sessions import create_session
from spl_onnx.rewrite.graph.tensors import total_bytes
from spl_onnx.search.network.segments import Segment, cut
from spl_onnx.search.network.variants import variant
from spl_onnx.search.settings import Setting

#: Bytes of models whose sessions were closed, after which memory is returned to the system.
_RETURN = 128 << 20


class SegmentSessions:
    """The segments of a model and their sessions; runners over different samples share them.

    A session stays until its segment is wanted with another setting or shift. One set of them takes some
    400 MB of ResNet-50, whose weights are 100.

    Args:
        model: a rewritten model in which every site that can be predicted has a prediction.
        threads: threads inside an operator; 0 = ONNX Runtime's own choice.
    """

    def __init__(self, model: onnx.ModelProto, threads: int = 0) -> None:
        self.segments = cut(model)
        self.threads = threads
        self.output = model.graph.output[0].name
        self._open: dict[int, tuple[tuple[str, bytes], ort.InferenceSession]] = {}
        self._closed_bytes = 0

    def session(
        self, i: int, setting: Setting, shift: NDArray[np.float32] | None = None
    ) -> ort.InferenceSession:
        """The session of a segment.

        Args:
            i: index of the segment.
            setting: what its site becomes; segments without one have the exact setting.
            shift: [O], added to the bias of its site.
        """
        key = setting.key, b"" if shift is None else shift.tobytes()
        if i in self._open and self._open[i][0] == key:
            return self._open[i][1]
        if self._open.pop(i, None) is not None:
            self._count_closed(i)
        self._open[i] = key, create_session(self._model(i, setting, shift), threads=self.threads, arena=False)
        return self._open[i][1]

    def _model(self, i: int, setting: Setting, shift: NDArray[np.float32] | None) -> onnx.ModelProto:
        segment: Segment = self.segments[i]
        return segment.model if segment.site is None else variant(segment.model, setting, shift)

    def _count_closed(self, i: int) -> None:
        self._closed_bytes += total_bytes(self.segments[i].model)
        if self._closed_bytes > _RETURN:
            self._closed_bytes = 0
            give_back()

    def close(self) -> None:
        """Close all of them; they are made again when they are needed."""
        self._open.clear()
        self._closed_bytes = 0
        give_back()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)
