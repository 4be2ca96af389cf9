"""The CUDA benchmark: what it counts and prints, and that it says why it cannot run."""

from __future__ import annotations

import sys

import pytest

from scripts import bench_cuda


def test_without_torch_it_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(sys, "argv", ["bench_cuda.py"])
    assert bench_cuda.main() == 2
    assert "bench_cuda: torch is not installed" in capsys.readouterr().err


def test_without_the_kernels_it_says_so(monkeypatch):
    monkeypatch.delenv(bench_cuda.HARNESS, raising=False)
    with pytest.raises(bench_cuda.NotPossibleError, match=r"scripts/test_cuda\.sh builds it"):
        bench_cuda.load_kernels()


def test_bytes_of_weights():
    read = bench_cuda.weight_bytes(100, 10, 4, density=0.2, zeros=0.6)
    assert read == pytest.approx({"dense": 4000, "predicted": 400 + 800, "lossless": 1600})


def test_lines_of_a_matrix_site():
    entry = {
        "rows": 1,
        "k": 1000,
        "o": 1000,
        "half": False,
        "zeros": 0.5,
        "dense_ms": 0.004,
        "lossless_ms": 0.002,
    }
    entry["predicted"] = [{"density": 0.25, "ms": 0.002, "srmm_ms": 0.001}]
    first, second = bench_cuda.gemm_lines(entry, bandwidth=2e12)
    assert "cuBLAS 4.0 us (50%), lossless 2.0 us (50%), 2.00 x" in first
    assert "2.00 x; SRMM alone 1.0 us (50% of the copy)" in second


def test_lines_of_an_image_site():
    entry = {"site": "a", "batch": 2, "dense_ms": 0.004, "tf32_ms": 0.002, "all_ms": 0.008}
    entry["predicted"] = [{"density": 0.05, "ms": 0.001}]
    assert bench_cuda.conv_lines(entry)[1].endswith("1.0 us, 4.00 x, of TF32 2.00 x")
