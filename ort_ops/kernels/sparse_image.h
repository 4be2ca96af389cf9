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

#include "kernels/geometry.h"
#include "kernels/micro.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace spl {

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
    return {values_ + at * value_pitch_, masks_ + at * columns_, starts_ + at * columns_};
  }

 private:
  // pack_run(first channel of a chunk, channels, values, masks, starts)
  template <class F>
  void pack_rows(const float* x, int64_t n, int64_t group, const Parallel& parallel, F&& pack_run);

  const ConvShape& shape_;
  const MicroKernels& micro_;
  int per_element_, step_, chunks_, columns_;
  int64_t value_pitch_;
  float* values_ = nullptr;
  uint64_t* masks_ = nullptr;
  int32_t* starts_ = nullptr;
};

}  // namespace spl
