"""Who takes part on which machine, and what those say who do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.peers.lineup import REFERENCE, VNNI, Peer, line_up, processor_flags
from scripts.peers.models import Models
from scripts.peers.ours import VARIANTS, Search
from scripts.peers.workers import EngineError
from tests.scripts.peers.test_ours import examples
from tests.small_models import small_cnn

SEARCH = Search(threads=2, batch=4, seconds=0.0, images=32)


def named(peers: list[Peer]) -> dict[str, Peer]:
    return {peer.name: peer for peer in peers}


def test_the_reference_is_first_and_ours_are_last() -> None:
    names = list(named(line_up(["lossless", "point"], set(), True)))
    assert names[0] == REFERENCE and names[-2:] == ["spl-onnx lossless", "spl-onnx point"]


def test_without_openvino_its_rows_say_so() -> None:
    absent = {peer.name: peer.absence for peer in line_up([], {"amx_tile"}, False) if peer.absence}
    assert len(absent) == 5 and all(name.startswith("OpenVINO") for name in absent)
    assert all("openvino is not installed" in reason for reason in absent.values())


@pytest.mark.parametrize(("flag", "absence"), [("avx512_bf16", ""), ("avx2", "the processor has no bf16")])
def test_bf16_only_where_the_processor_has_it(flag: str, absence: str) -> None:
    assert named(line_up([], {flag}, True))["OpenVINO bf16"].absence == absence


def test_with_a_matrix_unit_openvino_is_also_limited() -> None:
    peers = named(line_up([], {"amx_tile", "amx_int8", "amx_bf16"}, True))
    limited = [name for name, peer in peers.items() if peer.environment == VNNI]
    assert limited == ["OpenVINO float32, VNNI", "OpenVINO int8, VNNI"]
    assert peers["OpenVINO int8"].environment == {}
    assert not any("VNNI" in name for name in named(line_up([], {"avx512_vnni"}, True)))


def test_how_models_are_opened(tmp_path: Path, plugin_path: str) -> None:
    models = Models(tmp_path, "small", small_cnn, examples())
    peers = named(line_up(list(VARIANTS)[:1], {"avx512_bf16"}, True))
    for name in (REFERENCE, "OpenVINO bf16", "spl-onnx lossless"):
        setup = peers[name].setup(models, SEARCH)
        assert (setup.threads, setup.batch) == (2, 4) and Path(setup.model).is_file()
        assert setup.plugin == name.startswith("spl-onnx")
        assert setup.precision == ("bf16" if "bf16" in name else None)


def test_who_cannot_take_part_makes_no_model(tmp_path: Path) -> None:
    models = Models(tmp_path, "small", small_cnn, examples())
    peer = named(line_up([], set(), False))["OpenVINO int8"]
    with pytest.raises(EngineError, match="openvino is not installed"):
        peer.setup(models, SEARCH)
    assert not list(tmp_path.iterdir())


def test_flags_of_the_processor(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("model name\t: a b\nflags\t\t: fpu amx_tile\nvmx flags\t: ept\nflags\t\t: fpu sse\n")
    assert processor_flags(info) == {"fpu", "amx_tile", "sse"}
    assert processor_flags(tmp_path / "none") == set()
