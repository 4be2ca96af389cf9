#include "kernels/sparse_image.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace spl {
namespace {

// Values packed by one unit of work: long enough to be worth a thread.
constexpr int64_t kUnitElements = 1 << 15;

}  // namespace

SparseImage::SparseImage(const ConvShape& shape, int step, const MicroKernels& micro)
    : shape_(shape), micro_(micro), step_(step) {
  chunks_ = static_cast<int>((shape.Cg + step - 1) / step);
  columns_ = static_cast<int>(shape.W + shape.at.pads[1] + shape.at.pads[3]);
  value_pitch_ = shape.W * step + kLanes;
}

void SparseImage::pack(const float* x, int64_t n, int64_t group, const Parallel& parallel) {
  Scratch& scratch = thread_scratch();
  const size_t rows = static_cast<size_t>(shape_.H * chunks_);
  values_ = scratch.values.get<float>(rows * value_pitch_);
  masks_ = scratch.masks.get<uint64_t>(rows * columns_);
  starts_ = scratch.starts.get<int32_t>(rows * columns_);
  const int64_t row_elements = std::max<int64_t>(1, shape_.W * shape_.Cg);
  const int64_t rows_per_unit = std::max<int64_t>(1, kUnitElements / row_elements);
  const int64_t units = (shape_.H + rows_per_unit - 1) / rows_per_unit;
  const float* image = x + n * shape_.H * shape_.W * shape_.C + group * shape_.Cg;
  std::atomic<int64_t> total{0};
  parallel.run(static_cast<size_t>(units), [&](size_t unit) {
    const int64_t first = static_cast<int64_t>(unit) * rows_per_unit;
    int64_t found = 0;
    for (int64_t y = first; y < std::min(shape_.H, first + rows_per_unit); y++)
      found += pack_row(image + y * shape_.W * shape_.C, y);
    total += found;
  });
  nonzeros_ = total;
}

int64_t SparseImage::pack_row(const float* row, int64_t y) {
  int64_t found = 0;
  for (int q = 0; q < chunks_; q++) {
    float* values = const_cast<float*>(this->values(y, q));
    uint64_t* masks = const_cast<uint64_t*>(this->masks(y, q));
    int32_t* starts = const_cast<int32_t*>(this->starts(y, q));
    std::memset(masks, 0, static_cast<size_t>(columns_) * sizeof(uint64_t));
    std::memset(starts, 0, static_cast<size_t>(columns_) * sizeof(int32_t));
    found += micro_.compress_run(row + static_cast<int64_t>(q) * step_, shape_.C,
                                 static_cast<int>(shape_.W), depth(q), values,
                                 masks + shape_.at.pads[1], starts + shape_.at.pads[1]);
  }
  return found;
}

}  // namespace spl
