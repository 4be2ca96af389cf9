// The non-zero values of one image (and group) as streams, for zero-input skipping.
//
// Per image row and chunk of channels the non-zero values lie one after the other in column order, with
// one mask word per column. They are packed once per call and read many times: reading channels-last
// data directly would touch one strided cache line per column and chunk that no prefetcher follows,
// and finding the non-zeros inside the multiply loop would stall it.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/geometry.h"
#include "kernels/micro.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace spl {

class SparseImage {
 public:
  // `step` channels (at most 64) per chunk.
  SparseImage(const ConvShape& shape, int step, const MicroKernels& micro);

  // Packs group `group` of image `n`, rows side by side on the given threads.
  void pack(const float* x, int64_t n, int64_t group, const Parallel& parallel);

  int64_t nonzeros() const { return nonzeros_; }
  int64_t elements() const { return shape_.H * shape_.W * shape_.Cg; }
  int chunks() const { return chunks_; }
  int depth(int chunk) const {
    const int64_t left = shape_.Cg - static_cast<int64_t>(chunk) * step_;
    return static_cast<int>(left < step_ ? left : step_);
  }

  // Columns of a row including the padding, whose masks are 0.
  int columns() const { return columns_; }
  const float* values(int64_t y, int chunk) const {
    return values_ + (y * chunks_ + chunk) * value_pitch_;
  }
  const uint64_t* masks(int64_t y, int chunk) const {
    return masks_ + (y * chunks_ + chunk) * columns_;
  }
  const int32_t* starts(int64_t y, int chunk) const {
    return starts_ + (y * chunks_ + chunk) * columns_;
  }

 private:
  int64_t pack_row(const float* row, int64_t y);

  const ConvShape& shape_;
  const MicroKernels& micro_;
  int step_, chunks_, columns_;
  int64_t value_pitch_;
  int64_t nonzeros_ = 0;
  float* values_ = nullptr;
  uint64_t* masks_ = nullptr;
  int32_t* starts_ = nullptr;
};

}  // namespace spl
