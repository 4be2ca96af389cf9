// All outputs of a convolution with zero inputs skipped: lossless, and faster than dense work from
// about 20 % zeros on. The same for quantised input, whose elements are units of channels.
//
// Each non-zero element is broadcast and multiplied with its weights for a block of outputs. With
// stride 1 and three taps in a row the sums of three neighbouring outputs slide along the row in
// registers, so that one element does three taps at once. Sums of a band of rows wait in the
// second-level cache while chunk after chunk of channels is added; the weights of a chunk fit the
// first-level cache.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/ceil_div.h"
#include "kernels/base/scratch.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"
#include "kernels/sparse/sparse_image.h"
#include "kernels/weights/weight_matrix.h"

namespace spl {

// Whether three taps of a row slide.
bool zero_skip_slides(const ConvShape& shape);
// Bytes of weights of one chunk and row, about.
int zero_skip_chunk_bytes(bool slides);

// Weights [block][chunk][row][element][tap][16 * lane blocks of the block], 4 bytes each. With
// three taps that slide, `row` is the kernel row and `tap` the place in it; otherwise every tap is
// a row of its own.
class ZeroSkipWeights {
 public:
  ZeroSkipWeights(const ConvShape& shape, const WeightMatrix& w, const MicroKernels& micro);
  ZeroSkipWeights(const ConvShape& shape, const int8_t* w, const MicroKernels& micro);
  // Whether a shape is worth it: with few channels masks are mostly bookkeeping.
  static bool suits(const ConvShape& shape) { return shape.Cg >= 8; }

  int per_element() const { return per_element_; }                // channels
  int step() const { return step_; }                              // elements per chunk
  int blocks() const { return static_cast<int>(lanes_.size()); }  // per group
  int lane_blocks(int block) const { return lanes_[block]; }
  int64_t widest() const { return widest_ * kLanes; }  // outputs of the widest block
  int64_t first_output(int block) const { return first_lane_[block] * kLanes; }
  // Weights of one row; `bytes` receives their size.
  const char* row(int64_t group, int block, int chunk, int64_t row, int64_t* bytes) const;
  bool slides() const { return slides_; }
  int chunks() const { return static_cast<int>(ceil_div(elements_, step_)); }
  int depth(int chunk) const;  // elements

 private:
  void layout(const ConvShape& shape, const MicroKernels& micro);
  // Weights of element `element` and kernel place (ky, kx), of the first output of the block.
  char* at(int64_t group, int block, int64_t element, int64_t ky, int64_t kx) const;

  int per_element_;
  int64_t elements_ = 0, kW_ = 0, group_bytes_ = 0;
  int64_t rows_ = 0, taps_ = 0;  // kernel places = rows x taps in a row
  int step_ = 0, widest_ = 0;
  bool slides_ = false;
  std::vector<int> lanes_;
  std::vector<int64_t> first_lane_;
  mutable Buffer data_;
  char* base_ = nullptr;
};

// Rows of output that are computed together.
struct RowRange {
  int64_t group;
  int block;
  int64_t y0, rows;
};

// Sums of a range: row r, column c at sums + (r * pitch + c) * 16 * lane blocks with
// pitch = zero_skip_pitch(shape). Two columns on either side of a row are scratch, so `sums` points
// two columns into its buffer. Float sums begin at `bias` (of the block's outputs, readable up to
// whole lane blocks), 32-bit ones at 0.
void zero_skip_rows(const ConvShape& shape, const SparseImage& image,
                    const ZeroSkipWeights& weights, const MicroKernels& micro,
                    const RowRange& range, const float* bias, float* sums);
void zero_skip_rows(const ConvShape& shape, const SparseImage& image,
                    const ZeroSkipWeights& weights, const MicroKernels& micro,
                    const RowRange& range, int32_t* sums);

inline int64_t zero_skip_pitch(const ConvShape& shape) { return shape.oW + 4; }

}  // namespace spl
