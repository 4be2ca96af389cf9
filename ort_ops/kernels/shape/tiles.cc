#include "kernels/shape/tiles.h"

#include <algorithm>

#include "kernels/base/ceil_div.h"

namespace spl {
namespace {

constexpr int64_t kUnitsPerThread = 4, kMostUnits = 64;

// Convolution outputs reached by `pooled` neighbouring windows.
int64_t reach(int64_t pooled, int64_t kernel, int64_t stride) {
  return (pooled - 1) * stride + kernel;
}

// Most neighbouring windows that reach at most `limit` outputs, at least one.
int64_t fit(int64_t limit, int64_t kernel, int64_t stride) {
  return std::max<int64_t>(1, (limit - kernel) / stride + 1);
}

// Convolution outputs [begin, end) reached by pooled outputs [p0, p1) in one direction.
void reached(const ConvShape& shape, int axis, int64_t p0, int64_t p1, int64_t* begin,
             int64_t* end) {
  const ConvAttributes& at = shape.at;
  const int64_t size = axis == 0 ? shape.oH : shape.oW;
  *begin = std::max<int64_t>(0, p0 * at.pool_strides[axis] - at.pool_pads[axis]);
  *end =
      std::min(size, (p1 - 1) * at.pool_strides[axis] - at.pool_pads[axis] + at.pool_kernel[axis]);
}

// Equal tiles can leave an empty last one: it has no rows.
Tile make_tile(const ConvShape& shape, int64_t n, int64_t py0, int64_t py1, int64_t px0,
               int64_t px1) {
  Tile t{n,
         std::min(py0, shape.pH),
         std::min(py1, shape.pH),
         std::min(px0, shape.pW),
         std::min(px1, shape.pW),
         0,
         0,
         0,
         0};
  if (t.py0 == t.py1 || t.px0 == t.px1) return t;
  int64_t y1, x1;
  reached(shape, 0, t.py0, t.py1, &t.cy0, &y1);
  reached(shape, 1, t.px0, t.px1, &t.cx0, &x1);
  t.rows = static_cast<int>(y1 - t.cy0);
  t.columns = static_cast<int>(x1 - t.cx0);
  return t;
}

}  // namespace

Tiling::Tiling(const ConvShape& shape, int max_slots, int max_columns) : shape_(shape) {
  const ConvAttributes& at = shape.at;
  // Wide tiles copy less border per output than high ones, so up to twice as wide as high.
  int64_t rows = 1;
  while (2 * (rows + 1) * (rows + 1) <= max_slots) rows++;
  high_ = std::min(shape.pH, fit(rows, at.pool_kernel[0], at.pool_strides[0]));
  const int64_t high_reach = reach(high_, at.pool_kernel[0], at.pool_strides[0]);
  const int64_t wide = std::min<int64_t>(max_columns, max_slots / high_reach);
  wide_ = std::min(shape.pW, fit(wide, at.pool_kernel[1], at.pool_strides[1]));
  const int64_t wide_reach = reach(wide_, at.pool_kernel[1], at.pool_strides[1]);
  high_ = std::min(shape.pH, fit(max_slots / wide_reach, at.pool_kernel[0], at.pool_strides[0]));
  make_equal();
}

Tiling::Tiling(const ConvShape& shape, int64_t high, int64_t wide)
    : shape_(shape),
      high_(high),
      wide_(wide),
      tiles_y_(ceil_div(shape.pH, high)),
      tiles_x_(ceil_div(shape.pW, wide)) {}

// Equal tiles instead of a small last one.
void Tiling::make_equal() {
  tiles_y_ = ceil_div(shape_.pH, high_);
  tiles_x_ = ceil_div(shape_.pW, wide_);
  high_ = ceil_div(shape_.pH, tiles_y_);
  wide_ = ceil_div(shape_.pW, tiles_x_);
}

Tile Tiling::tile(int64_t index) const {
  const int64_t in_image = index % per_image();
  const int64_t py0 = in_image / tiles_x_ * high_, px0 = in_image % tiles_x_ * wide_;
  return make_tile(shape_, index / per_image(), py0, py0 + high_, px0, px0 + wide_);
}

RowBands::RowBands(const ConvShape& shape, int64_t most_rows, int64_t wanted) : shape_(shape) {
  const int64_t fits = fit(most_rows, shape.at.pool_kernel[0], shape.at.pool_strides[0]);
  high_ = std::max<int64_t>(1, std::min(fits, ceil_div(shape.pH, wanted)));
  count_ = ceil_div(shape.pH, high_);
  high_ = ceil_div(shape.pH, count_);
}

Tile RowBands::tile(int64_t index, int64_t n) const {
  return make_tile(shape_, n, index * high_, (index + 1) * high_, 0, shape_.pW);
}

void window_slots(const ConvShape& shape, const Tile& tile, int64_t py, int64_t px,
                  int64_t* slots) {
  const ConvAttributes& at = shape.at;
  const int64_t y0 = py * at.pool_strides[0] - at.pool_pads[0];
  const int64_t x0 = px * at.pool_strides[1] - at.pool_pads[1];
  for (int64_t y = y0; y < y0 + at.pool_kernel[0]; y++)
    for (int64_t x = x0; x < x0 + at.pool_kernel[1]; x++) {
      const bool inside = y >= 0 && x >= 0 && y < shape.oH && x < shape.oW;
      *slots++ = inside ? (y - tile.cy0) * tile.columns + (x - tile.cx0) : -1;
    }
}

int64_t wanted_units(const Parallel& parallel) {
  return std::clamp<int64_t>(kUnitsPerThread * parallel.threads(), kUnitsPerThread, kMostUnits);
}

std::vector<int64_t> split_outputs(int64_t outputs, int64_t granule, int64_t others,
                                   int64_t wanted) {
  const int64_t granules = ceil_div(outputs, granule);
  const int64_t ranges =
      std::min(granules, others >= wanted ? 1 : ceil_div(wanted, std::max<int64_t>(1, others)));
  std::vector<int64_t> starts;
  for (int64_t i = 0; i < ranges; i++) starts.push_back(granules * i / ranges * granule);
  starts.push_back(outputs);
  return starts;
}

}  // namespace spl
