// Reading the attributes of a pooling window, when a kernel is made or shapes are inferred.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/shape/geometry.h"
#include "ops/ort_call.h"

namespace spl {

template <class Source>
void read_integers(const Source& from, const char* name, int64_t* to, size_t count) {
  const std::vector<int64_t> values = from.integers(name, count);
  std::copy(values.begin(), values.end(), to);
}

template <class Source>
void read_pooling(const Source& from, ConvAttributes* at) {
  read_integers(from, "pool_kernel", at->pool_kernel, 2);
  read_integers(from, "pool_strides", at->pool_strides, 2);
  read_integers(from, "pool_pads", at->pool_pads, 4);
  at->pool_ceil = from.integer("pool_ceil") != 0;
  at->pool_short = ort::runtime.short_windows;
}

}  // namespace spl
