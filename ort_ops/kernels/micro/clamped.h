// The activation of a vector of values.
#pragma once

#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {

// A not-a-number survives, as it does in the dense computation.
SPL_INLINE Vec clamped(Vec v, const Clamp& c) {
  v = min_or(splat(c.high), max_or(splat(c.low), v));
  return c.floor > 0 ? pick(less_equal(v, splat(c.floor)), zero(), v) : v;
}

}  // namespace SPL_ISA
}  // namespace spl
