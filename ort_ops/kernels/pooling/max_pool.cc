#include "kernels/pooling/max_pool.h"

#include <algorithm>
#include <type_traits>

#include "kernels/base/ceil_div.h"

namespace spl {
namespace {

constexpr int64_t kUnitValues = 16384;  // outputs in a unit of work

// The places of a window inside the image, in one direction.
struct Span {
  int64_t first, last;
};

Span inside(const ConvAttributes& at, int axis, int64_t window, int64_t size) {
  const int64_t start = window * at.pool_strides[axis] - at.pool_pads[axis];
  return {std::max<int64_t>(start, 0), std::min(start + at.pool_kernel[axis], size)};
}

// One row of the output; `image` and `y` begin at its image and at the row.
template <class T>
void pool_row(const ConvAttributes& at, const T* image, const int64_t dims[4], int64_t row,
              int64_t columns, T* y, const MicroKernels& micro) {
  const int64_t width = dims[2], channels = dims[3];
  const Span rows = inside(at, 0, row, dims[1]);
  const T* places[kMaxWindow];
  for (int64_t column = 0; column < columns; column++, y += channels) {
    const Span in = inside(at, 1, column, width);
    int count = 0;
    for (int64_t h = rows.first; h < rows.last; h++)
      for (int64_t w = in.first; w < in.last; w++)
        places[count++] = image + (h * width + w) * channels;
    if constexpr (std::is_same_v<T, float>)
      micro.max_places(places, count, channels, y);
    else
      micro.max_bytes(places, count, channels, y);
  }
}

}  // namespace

template <class T>
Status run_max_pool(const ConvAttributes& at, const T* x, const int64_t dims[4], T* y,
                    const int64_t out[4], const Parallel& parallel, const MicroKernels& micro) {
  const int64_t image = dims[1] * dims[2] * dims[3], row = out[2] * out[3];
  if (row == 0 || image == 0) return {};
  const int64_t rows = out[0] * out[1], step = std::max<int64_t>(1, kUnitValues / row);
  return run_all(parallel, static_cast<size_t>(ceil_div(rows, step)), [&](size_t unit) {
    const int64_t first = static_cast<int64_t>(unit) * step;
    for (int64_t r = first; r < std::min(first + step, rows); r++)
      pool_row(at, x + r / out[1] * image, dims, r % out[1], out[2], y + r * row, micro);
    return Status();
  });
}

template Status run_max_pool(const ConvAttributes&, const float*, const int64_t*, float*,
                             const int64_t*, const Parallel&, const MicroKernels&);
template Status run_max_pool(const ConvAttributes&, const uint8_t*, const int64_t*, uint8_t*,
                             const int64_t*, const Parallel&, const MicroKernels&);

}  // namespace spl
