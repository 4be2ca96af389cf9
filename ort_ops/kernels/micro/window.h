// Reading the operands of the epilogue and argmax kernels, whole vectors or their first lanes.
#pragma once

#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {

SPL_INLINE Vec load_some(const float* p, int lanes) {
  return lanes == W ? load(p) : load_first(p, lanes);
}

// Sum and residual of one place, `lanes` lanes from `l` on.
SPL_INLINE Vec candidate(const WindowView& w, int place, int l, int lanes) {
  const Vec v = load(static_cast<const float*>(w.sums[place]) + l);
  return w.residual[place] == nullptr ? v : add(v, load_some(w.residual[place] + l, lanes));
}

// The scores of one vector of 32-bit sums, lanes from `l` on.
SPL_INLINE Vec scored(IVec sums, const ScoreView& score, int l) {
  if (score.correction != nullptr) sums = isub(sums, iload(score.correction + l));
  const Vec v = to_float(sums);
  return add(mul(v, load(score.scale + l)), load(score.bias + l));
}

SPL_INLINE void store_some(Vec v, float* p, int lanes) {
  if (lanes == W)
    store(p, v);
  else
    store_first(p, v, lanes);
}

SPL_INLINE IVec load_codes(const uint8_t* p, int lanes) {
  if (lanes == W) return from_bytes(p);
  uint8_t block[W] = {};
  std::memcpy(block, p, static_cast<size_t>(lanes));
  return from_bytes(block);
}

SPL_INLINE void store_codes(IVec v, uint8_t* p, int lanes) {
  if (lanes == W) {
    to_bytes(v, p);
    return;
  }
  uint8_t block[W];
  to_bytes(v, block);
  std::memcpy(p, block, static_cast<size_t>(lanes));
}

}  // namespace SPL_ISA
}  // namespace spl
