"""Who takes part: the engines of a run, each with the model it opens and how."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.peers.engines import ONNX_RUNTIME, OPENVINO, Setup
from scripts.peers.models import Models
from scripts.peers.ours import Search
from scripts.peers.workers import EngineError

REFERENCE = "ONNX Runtime float32"
#: OpenVINO without the matrix unit, to compare kernels on the same instructions.
VNNI = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}
_FLOAT32, _INT8 = "float32", "int8"


@dataclass(frozen=True)
class Peer:
    """One row.

    Attributes:
        name: in the table.
        engine: class that opens the model.
        model: "float32", "int8", or one of our variants.
        precision: see `Setup`.
        environment: of its process.
        absence: why it cannot take part here; "" where it can.
    """

    name: str
    engine: str
    model: str
    precision: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    absence: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether the model is a rewritten one."""
        return self.model not in (_FLOAT32, _INT8)

    def setup(self, models: Models, search: Search) -> Setup:
        """How it is opened; the model is made where it is not there.

        Raises:
            EngineError: it cannot take part, or its model cannot be made.
        """
        if self.absence:
            raise EngineError(self.absence)
        path = self._path(models, search)
        return Setup(self.engine, str(path), search.threads, search.batch, self.precision, self.is_ours)

    def _path(self, models: Models, search: Search) -> Path:
        if self.model == _FLOAT32:
            return models.float32()
        return models.int8() if self.model == _INT8 else models.ours(self.model, search)


def line_up(ours: Sequence[str], flags: Collection[str], has_openvino: bool) -> list[Peer]:
    """All rows of a network; the reference is the first.

    Args:
        ours: names of our variants.
        flags: what the processor says it can, see `processor_flags`.
        has_openvino: whether it is installed.
    """
    return [
        Peer(REFERENCE, ONNX_RUNTIME, _FLOAT32),
        Peer("ONNX Runtime int8", ONNX_RUNTIME, _INT8),
        *_openvino(flags, "" if has_openvino else "openvino is not installed (pip install '.[peers]')"),
        *(Peer(f"spl-onnx {name}", ONNX_RUNTIME, name) for name in ours),
    ]


def _openvino(flags: Collection[str], absence: str) -> list[Peer]:
    has_bf16 = {"avx512_bf16", "amx_bf16"} & set(flags)
    no_bf16 = absence or ("" if has_bf16 else "the processor has no bf16")
    peers = [
        Peer("OpenVINO float32", OPENVINO, _FLOAT32, "f32", absence=absence),
        Peer("OpenVINO bf16", OPENVINO, _FLOAT32, "bf16", absence=no_bf16),
        # What is not quantised: OpenVINO's own choice.
        Peer("OpenVINO int8", OPENVINO, _INT8, absence=absence),
    ]
    if not any(flag.startswith("amx") for flag in flags):
        return peers
    # It would go on with bf16 here, computed in float32 and converted.
    limited = ("OpenVINO float32, VNNI", _FLOAT32), ("OpenVINO int8, VNNI", _INT8)
    return peers + [Peer(name, OPENVINO, model, "f32", VNNI, absence) for name, model in limited]


def processor_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Extensions of the processor by the names of Linux; empty where they are not told."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}


def has_openvino() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None
