#include "kernels/sparse_image.h"

#include <algorithm>
#include <cstring>

namespace spl {
namespace {

// Values packed by one unit of work: long enough to be worth a thread.
constexpr int64_t kUnitElements = 1 << 15;

}  // namespace

SparseImage::SparseImage(const ConvShape& shape, int per_element, int step,
                         const MicroKernels& micro)
    : shape_(shape), micro_(micro), per_element_(per_element), step_(step) {
  const int64_t channels = static_cast<int64_t>(per_element) * step;
  chunks_ = static_cast<int>((shape.Cg + channels - 1) / channels);
  columns_ = static_cast<int>(shape.W + shape.at.pads[1] + shape.at.pads[3]);
  value_pitch_ = shape.W * step + kLanes;
}

template <class F>
void SparseImage::pack_rows(const float* x, int64_t n, int64_t group, const Parallel& parallel,
                            F&& pack_run) {
  Scratch& scratch = thread_scratch();
  const size_t rows = static_cast<size_t>(shape_.H * chunks_);
  values_ = scratch.values.get<float>(rows * value_pitch_);
  masks_ = scratch.masks.get<uint64_t>(rows * columns_);
  starts_ = scratch.starts.get<int32_t>(rows * columns_);
  const int64_t row_elements = std::max<int64_t>(1, shape_.W * shape_.Cg);
  const int64_t rows_per_unit = std::max<int64_t>(1, kUnitElements / row_elements);
  const int64_t units = (shape_.H + rows_per_unit - 1) / rows_per_unit;
  const float* image = x + n * shape_.H * shape_.W * shape_.C + group * shape_.Cg;
  const int64_t channels = static_cast<int64_t>(per_element_) * step_;
  parallel.run(static_cast<size_t>(units), [&](size_t unit) {
    const int64_t first = static_cast<int64_t>(unit) * rows_per_unit;
    for (int64_t y = first; y < std::min(shape_.H, first + rows_per_unit); y++)
      for (int q = 0; q < chunks_; q++) {
        const int64_t at = y * chunks_ + q, pad = shape_.at.pads[1];
        uint64_t* masks = masks_ + at * columns_;
        int32_t* starts = starts_ + at * columns_;
        std::memset(masks, 0, static_cast<size_t>(columns_) * sizeof(uint64_t));
        std::memset(starts, 0, static_cast<size_t>(columns_) * sizeof(int32_t));
        const int64_t depth = std::min(channels, shape_.Cg - q * channels);
        pack_run(image + y * shape_.W * shape_.C + q * channels, static_cast<int>(depth),
                 values_ + at * value_pitch_, masks + pad, starts + pad);
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
