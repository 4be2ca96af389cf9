"""Products of sizes, by a program that includes the header: what does not fit is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.datasets import PROJECT

PROGRAM = r"""
#include "kernels/base/checked_size.h"
#include "kernels/base/scratch.h"

#include <cstdio>
#include <cstring>

using namespace spl;

static int wrong = 0;
#define EXPECT(condition) if (!(condition)) { std::printf("line %d: %s\n", __LINE__, #condition); wrong++; }

template <class F>
static bool refused(F fn) {
  try {
    fn();
  } catch (const OutOfMemory& e) {
    return std::strstr(e.what(), "not enough memory") != nullptr;
  }
  return false;
}

int main() {
  constexpr int64_t k32 = int64_t{1} << 32, kMost = INT64_MAX;
  const int64_t plain[] = {3, 4, 5}, empty[] = {k32, 0, k32, k32}, wide[] = {k32, k32};
  const int64_t negative[] = {2, -1, 0};
  EXPECT(product_within(plain, 3, 60) == 60);
  EXPECT(product_within(plain, 3, 59) == -1);
  EXPECT(product_within(plain, 0, 59) == 1);
  EXPECT(product_within(empty, 4, kMost) == 0);  // whatever the others are
  EXPECT(product_within(wide, 2, kMost) == -1);
  EXPECT(product_within(negative, 3, kMost) == -1);
  EXPECT(sizes_fit(plain, 3, 60) && !sizes_fit(plain, 3, 59));
  EXPECT(!sizes_fit(empty, 4, kMost));  // products of the others would wrap around
  EXPECT(!sizes_fit(negative, 3, kMost));
  EXPECT(checked_size({k32, 1 << 20}) == size_t{1} << 52);
  EXPECT(refused([] { checked_size({k32, k32}); }));
  EXPECT(refused([] { checked_size({-1}); }));
  Buffer buffer;
  EXPECT(refused([&] { buffer.get<float>(static_cast<size_t>(-1)); }));
  EXPECT(refused([&] { buffer.get<float>(size_t{1} << 62); }));
  EXPECT(refused([&] { buffer.get<float>(size_t{1} << 56); }));  // fits 64 bits, but no memory
  EXPECT(buffer.bytes() == 0 && buffer.get<float>(8) != nullptr);
  return wrong;
}
"""


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        pytest.skip("no C++ compiler")
    source, program = tmp_path / "sizes.cc", tmp_path / "sizes"
    source.write_text(PROGRAM)
    subprocess.run(
        [compiler, "-std=c++17", "-O1", f"-I{PROJECT / 'ort_ops'}", str(source), "-o", str(program)],
        check=True,
    )
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
