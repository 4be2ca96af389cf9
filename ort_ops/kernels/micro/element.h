// Kernels that multiply floats and kernels that multiply quantised units are one source: both kinds
// of element take 4 bytes and differ in the type of the sums and in the multiply-add.
#pragma once

#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {

struct Floats {
  using Sum = float;
  using V = Vec;
  static SPL_MEMBER V none() { return zero(); }
  static SPL_MEMBER V load_sum(const float* p) { return load(p); }
  static SPL_MEMBER void store_sum(float* p, V v) { store(p, v); }
  static SPL_MEMBER V broadcast(const char* p) {
    float v;
    std::memcpy(&v, p, 4);
    return splat(v);
  }
  static SPL_MEMBER V weight(const char* p) { return load(reinterpret_cast<const float*>(p)); }
  static SPL_MEMBER V step(V sum, V x, V w) { return fma(x, w, sum); }
};

struct Units {
  using Sum = int32_t;
  using V = IVec;
  static SPL_MEMBER V none() { return isplat(0); }
  static SPL_MEMBER V load_sum(const int32_t* p) { return iload(p); }
  static SPL_MEMBER void store_sum(int32_t* p, V v) { istore(p, v); }
  static SPL_MEMBER V broadcast(const char* p) {
    int32_t v;
    std::memcpy(&v, p, 4);
    return isplat(v);
  }
  static SPL_MEMBER V weight(const char* p) { return iload(p); }
  static SPL_MEMBER V step(V sum, V x, V w) { return unit_dot(sum, x, w); }
};

}  // namespace SPL_ISA
}  // namespace spl
