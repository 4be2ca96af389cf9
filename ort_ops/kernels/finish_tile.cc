#include "kernels/finish_tile.h"

#include <algorithm>

namespace spl {
namespace {

// Without pooling and selection whole rows go through one call.
void finish_rows(const FinishTarget& t, const Tile& tile, const TileSums& sums, int64_t o,
                 int64_t count) {
  const int64_t stride = t.shape.O;
  float copy[kLanes];
  for (int64_t r = 0; r < tile.rows; r++) {
    const int64_t y = tile.cy0 + r;
    const bool real = t.residual.active() && !t.residual.one_element();
    const float* residual = real ? t.residual.at(tile.n, y, tile.cx0, o, kLanes, copy) : nullptr;
    const float* from =
        reinterpret_cast<const float*>(sums.base + r * sums.row_slots * sums.slot_bytes);
    t.micro.finish_run(from, sums.slot_bytes / 4, residual, stride, t.clamp, tile.columns,
                       static_cast<int>(count),
                       t.y + ((tile.n * t.shape.pH + y) * t.shape.pW + tile.cx0) * stride + o,
                       stride);
  }
}

}  // namespace

void finish_tile(const FinishTarget& t, const Tile& tile, const TileSums& sums, int64_t o,
                 int64_t count) {
  const bool constant_residual = t.residual.active() && t.residual.one_element();
  if (t.s == nullptr && !t.shape.pooled() && !constant_residual) {
    finish_rows(t, tile, sums, o, count);
    return;
  }
  WindowVisitor windows(t.shape, tile, t.residual);
  for (int64_t l = 0; l < count; l += kLanes) {
    const int lanes = static_cast<int>(std::min<int64_t>(kLanes, count - l));
    windows.visit(sums.shifted(l * 4), o + l, lanes,
                  [&](const WindowView& window, int64_t at, int64_t) {
                    if (t.s != nullptr)
                      t.micro.finish_code(window, t.clamp, t.s + at, t.y + at);
                    else
                      t.micro.finish_max(window, t.clamp, t.y + at);
                  });
  }
}

}  // namespace spl
