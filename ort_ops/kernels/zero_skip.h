// All outputs of a convolution with zero inputs skipped: lossless, and faster than dense work from
// about 20 % zeros on.
//
// Each non-zero value is broadcast and multiplied with its weights for a block of outputs. With
// stride 1 and three taps in a row the sums of three neighbouring outputs slide along the row in
// registers, so that one value does three taps at once. Sums of a band of rows wait in the second-level
// cache while chunk after chunk of channels is added; the weights of a chunk fit the first-level cache.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/geometry.h"
#include "kernels/micro.h"
#include "kernels/scratch.h"
#include "kernels/sparse_image.h"

namespace spl {

// Weights [block][chunk][ky][channel][kx][16 * lane blocks of the block].
class ZeroSkipWeights {
 public:
  ZeroSkipWeights(const ConvShape& shape, const float* w, const MicroKernels& micro);
  // Whether a shape is worth it: with few channels masks are mostly bookkeeping.
  static bool suits(const ConvShape& shape) { return shape.Cg >= 8; }

  int step() const { return step_; }
  int blocks() const { return static_cast<int>(lanes_.size()); }  // per group
  int lane_blocks(int block) const { return lanes_[block]; }
  int64_t first_output(int block) const { return first_lane_[block] * kLanes; }
  // Weights of one kernel row; `bytes` receives their size.
  const float* row(int64_t group, int block, int chunk, int64_t ky, int64_t* bytes) const;
  bool slides() const { return slides_; }

 private:
  int depth(int chunk) const;

  int64_t channels_, kH_, kW_, group_floats_ = 0;
  int step_;
  bool slides_;
  std::vector<int> lanes_;
  std::vector<int64_t> first_lane_;
  mutable Buffer data_;
  float* base_ = nullptr;
};

// Sums of output rows [y0, y0 + rows) of one block, beginning at `bias` (of the block, as many as its
// lanes or followed by 16 values more): row r, column c at
// sums + (r * pitch + c) * 16 * lane_blocks with pitch = zero_skip_pitch(shape). Two columns on either
// side of a row are scratch, so `sums` points two columns into its buffer.
void zero_skip_rows(const ConvShape& shape, const SparseImage& image, const ZeroSkipWeights& weights,
                    const MicroKernels& micro, int64_t group, int block, int64_t y0, int64_t rows,
                    const float* bias, float* sums);

inline int64_t zero_skip_pitch(const ConvShape& shape) { return shape.oW + 4; }

}  // namespace spl
