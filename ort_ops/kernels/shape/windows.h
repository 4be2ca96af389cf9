// Visits the outputs of a tile: for every window the sums of its places, ready for the epilogue
// kernels. Shared by everything that turns sums into results.
#pragma once

#include "kernels/shape/residual.h"
#include "kernels/shape/tiles.h"

namespace spl {

// Sums of a tile: those of convolution output (row r, column c) of the tile begin at
// base + (r * row_slots + c) * slot_bytes.
struct TileSums {
  const char* base;
  int64_t slot_bytes;
  int64_t row_slots;
};

// Rows of a tile without pooling: fn(run, at) for each, `at` being the index of output (n, y, cx0,
// o) in a tensor [N, oH, oW, O]. The residual is a whole tensor or inactive.
template <class F>
void visit_rows(const ConvShape& shape, const Tile& tile, const ResidualReader& residual,
                const TileSums& sums, int64_t o, int64_t lanes, F&& fn) {
  for (int64_t r = 0; r < tile.rows; r++) {
    const int64_t at = ((tile.n * shape.oH + tile.cy0 + r) * shape.oW + tile.cx0) * shape.O + o;
    fn(Run{sums.base + r * sums.row_slots * sums.slot_bytes, sums.slot_bytes / 4,
           residual.active() ? residual.tensor() + at : nullptr, shape.O, tile.columns,
           static_cast<int>(lanes)},
       at);
  }
}

class WindowVisitor {
 public:
  WindowVisitor(const ConvShape& shape, const Tile& tile, const ResidualReader& residual)
      : shape_(shape), tile_(tile), residual_(residual) {}

  // fn(view, at, px) for every window of the tile: outputs [o, o + lanes) of pooled output
  // (py, px), which begin at index `at` of a tensor [N, pH, pW, O].
  template <class F>
  void visit(const TileSums& sums, int64_t o, int64_t lanes, F&& fn) {
    const ConvAttributes& pool = shape_.at;
    const int count = static_cast<int>(pool.pool_area());
    for (int64_t py = tile_.py0; py < tile_.py1; py++)
      for (int64_t px = tile_.px0; px < tile_.px1; px++) {
        const int64_t y0 = py * pool.pool_strides[0] - pool.pool_pads[0];
        const int64_t x0 = px * pool.pool_strides[1] - pool.pool_pads[1];
        places(sums, y0, x0, o);
        const int64_t at = ((tile_.n * shape_.pH + py) * shape_.pW + px) * shape_.O + o;
        fn(WindowView{sums_, residuals_, count, static_cast<int>(lanes)}, at, px);
      }
  }

 private:
  void places(const TileSums& sums, int64_t y0, int64_t x0, int64_t o) {
    const int64_t high = shape_.at.pool_kernel[0], wide = shape_.at.pool_kernel[1];
    const bool inside = y0 >= 0 && x0 >= 0 && y0 + high <= shape_.oH && x0 + wide <= shape_.oW;
    int64_t row = ((y0 - tile_.cy0) * sums.row_slots + (x0 - tile_.cx0)) * sums.slot_bytes;
    int i = 0;
    for (int64_t y = y0; y < y0 + high; y++, row += sums.row_slots * sums.slot_bytes) {
      int64_t slot = row;
      for (int64_t x = x0; x < x0 + wide; x++, i++, slot += sums.slot_bytes) {
        const bool real = inside || (y >= 0 && x >= 0 && y < shape_.oH && x < shape_.oW);
        sums_[i] = real ? sums.base + slot : nullptr;
        residuals_[i] = real && residual_.active() ? residual_.at(tile_.n, y, x, o) : nullptr;
      }
    }
  }

  const ConvShape& shape_;
  const Tile& tile_;
  const ResidualReader& residual_;
  const void* sums_[kMaxWindow];
  const float* residuals_[kMaxWindow];
};

}  // namespace spl
