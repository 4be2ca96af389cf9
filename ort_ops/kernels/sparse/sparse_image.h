// The non-zero elements of one image (and group) as streams, for zero-input skipping: floats, or
// units of quantised channels (micro.h), which are zero when all their channels are.
//
// Per image row and chunk of channels the non-zero elements lie one after the other in column
// order, with one mask word per column. They are packed once per call and read many times: reading
// channels-last data directly would touch one strided cache line per column and chunk that no
// prefetcher follows, and finding the non-zeros inside the multiply loop would stall it.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/parallel.h"
#include "kernels/base/scratch.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"

namespace spl {

// Whether the streams of an image of this shape are worth their memory: not many times that of the
// image, as they would be with far more padding than pixels. Kernels also count columns and the
// elements of a row in 32 bits.
bool sparse_image_fits(const ConvShape& shape, int per_element);

class SparseImage {
 public:
  // Elements of `per_element` channels, `step` (at most 64) elements per chunk.
  SparseImage(const ConvShape& shape, int per_element, int step, const MicroKernels& micro);

  // Packs group `group` of image `n`, rows side by side on the given threads: floats (per_element
  // 1), or units quantised with scale 1 / inverse and zero point 0. The memory is the calling
  // thread's scratch, for one image at a time.
  void pack(const float* x, int64_t n, int64_t group, const Parallel& parallel);
  void pack_units(const float* x, int64_t n, int64_t group, float inverse,
                  const Parallel& parallel);

  int chunks() const { return chunks_; }

  // Columns of a row including the padding, whose masks are 0.
  int columns() const { return columns_; }
  SparseRow row(int64_t y, int chunk) const {
    const int64_t at = y * chunks_ + chunk;
    return {values_ + first_value(y, chunk), masks_ + at * columns_, starts_ + at * columns_};
  }

 private:
  // pack_run(first channel of a chunk, channels, values, masks, starts)
  template <class F>
  void pack_rows(const float* x, int64_t n, int64_t group, const Parallel& parallel, F&& pack_run);

  // The chunks of a row follow one another. A chunk may be written up to kLanes values too far,
  // which the next one puts right; behind the rows of a unit of work, which another thread goes on
  // from, there is room for it.
  int64_t first_value(int64_t y, int chunk) const {
    return y * row_values_ + y / unit_rows_ * kLanes + chunk * shape_.W * step_;
  }

  const ConvShape& shape_;
  const MicroKernels& micro_;
  int per_element_, step_, chunks_, columns_;
  int64_t row_values_, unit_rows_;  // elements of a row; rows packed by one unit of work
  float* values_ = nullptr;
  uint64_t* masks_ = nullptr;
  int32_t* starts_ = nullptr;
};

}  // namespace spl
