// Vectors from and to bytes that stand for numbers (quantization.h).
#pragma once

#include "kernels/micro/quantization.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {

// Whether conversions of what fits no integer give the least one.
#if defined(SPL_ISA_portable)
constexpr bool kSaturates = false;
#else
constexpr bool kSaturates = true;
#endif

// clamp(round(x * inverse) + zero, 0, 255); max_or turns not-a-number into 0. The limits are whole
// numbers, so it is the same to clamp before it is rounded, which the conversion does.
SPL_INLINE IVec quantized(Vec x, Vec inverse, Vec zero_point) {
  const Vec low = mul(zero_point, splat(-1.0f)), high = add(low, splat(255.0f));
  const Vec level = min_or(max_or(mul(x, inverse), low), high);
  return iadd(to_int(level), to_int(zero_point));
}

// The same before it is saturated to a byte: what is too large is 255 before it could overflow;
// what is too small, or not a number, is converted to the least integer, or stays below 0.
SPL_INLINE IVec nearly_quantized(Vec x, const Quantization& code) {
  const Vec level = min_or(splat(255.0f - code.zero), mul(x, splat(code.inverse)));
  return iadd(to_int(level), isplat(static_cast<int32_t>(code.zero)));
}

SPL_INLINE void store_bytes(Vec v, const Quantization& code, uint8_t* to) {
  to_bytes(quantized(v, splat(code.inverse), splat(code.zero)), to);
}

// Bytes less their zero point, which is exact.
SPL_INLINE Vec less_zero(IVec q, const Quantization& code) {
  return to_float(isub(q, isplat(static_cast<int32_t>(code.zero))));
}

SPL_INLINE Vec load_bytes(const uint8_t* p, const Quantization& code) {
  return mul(less_zero(from_bytes(p), code), splat(code.scale));
}

SPL_INLINE Vec plus(Vec v, const Addend& addend, int64_t at) {
  if (addend.floats != nullptr) return add(v, load(addend.floats + at));
  return addend.bytes == nullptr ? v : add(v, load_bytes(addend.bytes + at, addend.code));
}

// N vectors side by side.
template <int N>
SPL_INLINE void put(const Target& target, int64_t at, const Vec* v) {
  if (target.floats != nullptr) {
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) store(target.floats + at + j * W, v[j]);
    return;
  }
  if constexpr (N % 2 == 0 && kSaturates) {
    IVec q[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) q[j] = nearly_quantized(v[j], target.code);
    if constexpr (N == 4)
      to_bytes4(q, target.bytes + at);
    else
      to_bytes2(q, target.bytes + at);
  } else {
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) store_bytes(v[j], target.code, target.bytes + at + j * W);
  }
}

SPL_INLINE void put(const Target& target, int64_t at, Vec v) {
  if (target.floats != nullptr)
    store(target.floats + at, v);
  else
    store_bytes(v, target.code, target.bytes + at);
}

}  // namespace SPL_ISA
}  // namespace spl
