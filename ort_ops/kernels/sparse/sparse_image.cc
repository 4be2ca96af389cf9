#include "kernels/sparse/sparse_image.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/ceil_div.h"

namespace spl {
namespace {

// Values packed by one unit of work: long enough to be worth a thread.
constexpr int64_t kUnitElements = 1 << 15;

// Memory beyond that of the image for which zero skipping is refused, and memory that never is.
constexpr int64_t kMostTimes = 3, kSmall = 1 << 20;
constexpr int64_t kLeastStep = 16;  // elements of a chunk
constexpr int64_t kMostColumns = int64_t{1} << 30;

}  // namespace

bool sparse_image_fits(const ConvShape& s, int per_element) {
  const int64_t elements = ceil_div(s.Cg, per_element);
  const int64_t columns = s.W + s.at.pads[1] + s.at.pads[3];
  if (columns > kMostColumns || s.W > INT32_MAX / kMaxMask) return false;
  const int64_t column = sizeof(uint64_t) + sizeof(int32_t);  // mask and start
  const int64_t bytes =
      s.H * (s.W * elements * 4 + columns * ceil_div(elements, kLeastStep) * column);
  return bytes <= std::max(kSmall, kMostTimes * 4 * s.H * s.W * s.C);
}

SparseImage::SparseImage(const ConvShape& shape, int per_element, int step,
                         const MicroKernels& micro)
    : shape_(shape), micro_(micro), per_element_(per_element), step_(step) {
  const int64_t elements = ceil_div(shape.Cg, per_element);
  chunks_ = static_cast<int>(ceil_div(elements, step));
  columns_ = static_cast<int>(shape.W + shape.at.pads[1] + shape.at.pads[3]);
  row_values_ = shape.W * elements;
  unit_rows_ = std::max<int64_t>(1, kUnitElements / std::max<int64_t>(1, shape.W * shape.Cg));
}

template <class F>
void SparseImage::pack_rows(const float* x, int64_t n, int64_t group, const Parallel& parallel,
                            F&& pack_run) {
  Scratch& scratch = thread_scratch();
  const int64_t units = ceil_div(shape_.H, unit_rows_);
  values_ = scratch.values.get<float>(checked_size({shape_.H, row_values_}) +
                                      checked_size({units, kLanes}));
  masks_ = scratch.masks.get<uint64_t>(checked_size({shape_.H, chunks_, columns_}));
  starts_ = scratch.starts.get<int32_t>(checked_size({shape_.H, chunks_, columns_}));
  const float* image = x + n * shape_.H * shape_.W * shape_.C + group * shape_.Cg;
  const int64_t channels = static_cast<int64_t>(per_element_) * step_;
  parallel.run(static_cast<size_t>(units), [&](size_t unit) {
    const int64_t first = static_cast<int64_t>(unit) * unit_rows_;
    for (int64_t y = first; y < std::min(shape_.H, first + unit_rows_); y++)
      for (int q = 0; q < chunks_; q++) {
        const int64_t at = y * chunks_ + q, pad = shape_.at.pads[1];
        uint64_t* masks = masks_ + at * columns_;
        int32_t* starts = starts_ + at * columns_;
        std::memset(masks, 0, static_cast<size_t>(columns_) * sizeof(uint64_t));
        std::memset(starts, 0, static_cast<size_t>(columns_) * sizeof(int32_t));
        const int64_t depth = std::min(channels, shape_.Cg - q * channels);
        pack_run(image + y * shape_.W * shape_.C + q * channels, static_cast<int>(depth),
                 values_ + first_value(y, q), masks + pad, starts + pad);
      }
  });
}

void SparseImage::pack(const float* x, int64_t n, int64_t group, const Parallel& parallel) {
  pack_rows(x, n, group, parallel,
            [&](const float* row, int depth, float* values, uint64_t* masks, int32_t* starts) {
              micro_.compress_run(row, shape_.C, static_cast<int>(shape_.W), depth, values, masks,
                                  starts);
            });
}

void SparseImage::pack_units(const float* x, int64_t n, int64_t group, float inverse,
                             const Parallel& parallel) {
  pack_rows(x, n, group, parallel,
            [&](const float* row, int depth, float* values, uint64_t* masks, int32_t* starts) {
              micro_.compress_units_run(row, shape_.C, static_cast<int>(shape_.W), depth, inverse,
                                        reinterpret_cast<uint32_t*>(values), masks, starts);
            });
}

}  // namespace spl
