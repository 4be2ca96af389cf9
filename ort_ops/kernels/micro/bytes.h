// Vectors from and to bytes that stand for numbers (quantization.h).
#pragma once

#include "kernels/micro/quantization.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {

// clamp(round(x * inverse) + zero, 0, 255), each step one float operation; max_or(v, 0) turns
// not-a-number into 0.
SPL_INLINE IVec quantized(Vec x, Vec inverse, Vec zero_point) {
  const Vec q = add(round_even(mul(x, inverse)), zero_point);
  return to_int(min_or(max_or(q, zero()), splat(255.0f)));
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

SPL_INLINE void put(const Target& target, int64_t at, Vec v) {
  if (target.floats != nullptr)
    store(target.floats + at, v);
  else
    store_bytes(v, target.code, target.bytes + at);
}

}  // namespace SPL_ISA
}  // namespace spl
