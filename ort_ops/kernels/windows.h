// Visits the outputs of a tile: for every window the sums of its places, ready for the finish
// kernels. Shared by everything that turns sums into results.
#pragma once

#include "kernels/residual.h"
#include "kernels/tiles.h"

namespace spl {

// Sums of one lane block: slot s begins at base + s * stride bytes.
struct SlotSums {
  const char* base;
  int64_t stride;
};

class WindowVisitor {
 public:
  WindowVisitor(const ConvShape& shape, const Tile& tile, const ResidualReader& residual)
      : shape_(shape), tile_(tile), residual_(residual), count_(static_cast<int>(shape.at.pool_area())) {}

  // fn(view, at, slot) for every window of the tile; `at` is the index of output channel `o` of the
  // window in a tensor [N, pH, pW, O], `slot` the first place (-1 in the padding).
  template <class F>
  void visit(const SlotSums& sums, int64_t o, int lanes, F&& fn) {
    for (int64_t py = tile_.py0; py < tile_.py1; py++)
      for (int64_t px = tile_.px0; px < tile_.px1; px++) {
        window_slots(shape_, tile_, py, px, slots_);
        for (int i = 0; i < count_; i++) place(sums, i, o, lanes);
        const int64_t at = ((tile_.n * shape_.pH + py) * shape_.pW + px) * shape_.O + o;
        fn(WindowView{sums_, residuals_, count_, lanes}, at, static_cast<int>(slots_[0]));
      }
  }

 private:
  void place(const SlotSums& sums, int i, int64_t o, int lanes) {
    const int slot = slots_[i];
    sums_[i] = slot < 0 ? nullptr : sums.base + slot * sums.stride;
    residuals_[i] = nullptr;
    if (slot < 0 || !residual_.active()) return;
    residuals_[i] = residual_.at(tile_.n, tile_.cy0 + slot / tile_.columns,
                                 tile_.cx0 + slot % tile_.columns, o, lanes, copies_[i]);
  }

  const ConvShape& shape_;
  const Tile& tile_;
  const ResidualReader& residual_;
  const int count_;
  int16_t slots_[kMaxWindow];
  const void* sums_[kMaxWindow];
  const float* residuals_[kMaxWindow];
  float copies_[kMaxWindow][kLanes];
};

}  // namespace spl
