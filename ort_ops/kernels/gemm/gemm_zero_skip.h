// All outputs of few rows times a matrix, zero inputs skipped: only the weight rows of non-zero
// inputs are read, each once for all rows. The same sums to the bit as zero skipping and dense work
// on images (srmm_zero_skip.cc), which are faster for many rows: products are added in the order of
// K, beginning at the bias.
#pragma once

#include <vector>

#include "kernels/base/scratch.h"
#include "kernels/srmm/conv_srmm.h"
#include "kernels/srmm/finish_tile.h"

namespace spl {

class GemmZeroSkip {
 public:
  // Rows of X up to which this way reads less than the others compute.
  static constexpr int64_t kMostRows = 8;

  // Weights [K, O] are used where they lie and must outlive this object; others are transposed.
  GemmZeroSkip(const ConvShape& shape, const WeightMatrix& w, const MicroKernels& micro);

  // y [rows, O] without residual: sums beginning at `bias`, clamped, or 0 where s [rows, O] (or
  // null) is 0.
  Message run(const ConvShape& shape, const SrmmInputs& in, const std::vector<float>& bias,
              const Clamp& clamp, const Parallel& parallel) const;

 private:
  uint64_t nonzero_inputs(const ConvShape& shape, const float* x, int64_t depth,
                          float* values) const;
  void add_range(const ConvShape& shape, const float* x, int64_t o0, int64_t o1, float* sums) const;

  Buffer transposed_;
  const float* weights_;  // [K, O]
  const MicroKernels& micro_;
};

}  // namespace spl
