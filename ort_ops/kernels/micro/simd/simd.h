// One vocabulary of vector operations for all instruction sets; W is the number of floats in a
// vector. Only what the micro kernels use. Everything is always_inline and lives in the namespace
// of its instruction set: an ordinary inline function could be merged by the linker with its twin
// of another set and crash an older processor. For the same reason no standard container or
// algorithm is used in micro/.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/micro/micro.h"

#define SPL_INLINE static inline __attribute__((always_inline))
#define SPL_MEMBER inline __attribute__((always_inline))
#define SPL_LAMBDA __attribute__((always_inline))

#include SPL_SIMD  // simd_*.h of this instruction set

namespace spl {
namespace SPL_ISA {

constexpr int kPerBlock = kLanes / W;  // vectors in a lane block

// Lane blocks of outputs of the zero-skipping kernels: three sets of sums (slide) or one (tap),
// with a few registers to spare.
constexpr int kSlideBlocks = kRegisters == 32 ? 8 : (W == 8 ? 2 : 1);
constexpr int kTapBlocks = kRegisters == 32 ? 8 : (W == 8 ? 4 : 2);

template <class T>
SPL_INLINE T least(T a, T b) {
  return a < b ? a : b;
}

// Division that rounds up. (dense.cc and dot_rows.cc spell it out: behind a call their registers
// are laid out differently, and not better.)
template <class T>
SPL_INLINE T ceil_div(T a, T b) {
  return (a + b - 1) / b;
}

}  // namespace SPL_ISA
}  // namespace spl
