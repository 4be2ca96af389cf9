// How float input becomes unsigned 8 bits: clamp(round(x * inverse) + zero, 0, 255), so that
// x is about (q - zero) * scale. Contract: docs/operators.md.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/status.h"
#include "kernels/micro/micro.h"
#include "kernels/micro/quantization.h"

namespace spl {

// Quantisation of an image, or of each row of a matrix seen as an image of one row.
struct QuantizationMap {
  const Quantization* entries;
  bool per_column;  // entry = column of the image, else entry = image
  const Quantization& of(int64_t n, int64_t x) const { return entries[per_column ? x : n]; }
};

// From the ranges of `count` entries of `size` floats each, on the given threads.
Status dynamic_quantizations(const float* x, int64_t count, int64_t size, const MicroKernels& micro,
                             const Parallel& parallel, std::vector<Quantization>* out);

}  // namespace spl
