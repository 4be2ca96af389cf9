// Sums over lanes of several vectors at once, for the dot product kernels.
#pragma once

#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {

// out[i] += sum of the lanes of s[i], i < G; the next floats, up to a multiple of 4 (8 from G = 5
// on with AVX-512), have 0 added. `s` has room for them and gets zeros there.
template <int G>
SPL_INLINE void add_sums(Vec* s, float* out) {
  constexpr int kRounded = G <= 4 ? 4 : (G <= 8 ? 8 : 12);
#pragma GCC unroll 12
  for (int i = G; i < kRounded; i++) s[i] = zero();
  if constexpr (kRounded == 4) {
    add_sums4(s, out);
  } else {
    add_sums8(s, out);
    if constexpr (kRounded == 12) add_sums4(s + 8, out + 8);
  }
}

}  // namespace SPL_ISA
}  // namespace spl
