// Quantisation of the input and the packing of int8 weights.
#include "kernels/micro/entry.h"
#include "kernels/micro/simd.h"

namespace spl {
namespace SPL_ISA {
namespace {

// clamp(round(x * inverse) + zero, 0, 255), each step one float operation; max_or(v, 0) turns
// not-a-number into 0.
SPL_INLINE IVec quantized(Vec x, Vec inverse, Vec zero_point) {
  const Vec q = add(round_even(mul(x, inverse)), zero_point);
  return to_int(min_or(max_or(q, zero()), splat(255.0f)));
}

SPL_INLINE void store_units(IVec q, uint8_t* out) {
  if constexpr (kUnitChannels == 4)
    to_bytes(q, out);
  else
    to_halves(q, reinterpret_cast<uint16_t*>(out));
}

}  // namespace

void min_max(const float* x, int64_t n, float* low, float* high) {
  Vec lo = splat(*low), hi = splat(*high);
  int64_t i = 0;
  for (; i + W <= n; i += W) {
    const Vec v = load(x + i);
    lo = min_or(v, lo);
    hi = max_or(v, hi);
  }
  float l[W], h[W];
  store(l, lo), store(h, hi);
  for (; i < n; i++) {
    if (x[i] < l[0]) l[0] = x[i];
    if (x[i] > h[0]) h[0] = x[i];
  }
  for (int k = 0; k < W; k++) {
    if (l[k] < *low) *low = l[k];
    if (h[k] > *high) *high = h[k];
  }
}

void quantize(const float* x, int64_t n, float inverse, float zero_point, void* out) {
  constexpr int kBytes = 4 / kUnitChannels;  // per channel
  const Vec inv = splat(inverse), z = splat(zero_point);
  uint8_t* to = static_cast<uint8_t*>(out);
  int64_t i = 0;
  for (; i + W <= n; i += W) store_units(quantized(load(x + i), inv, z), to + i * kBytes);
  if (i == n) return;
  float tail[W] = {};
  alignas(64) uint8_t packed[4 * W + 64] = {};
  std::memcpy(tail, x + i, static_cast<size_t>(n - i) * sizeof(float));
  store_units(quantized(load(tail), inv, z), packed);
  const int used = static_cast<int>(n - i) * kBytes, whole = (used + 3) / 4 * 4;
  std::memset(packed + used, 0, static_cast<size_t>(whole - used));
  std::memcpy(to + i * kBytes, packed, static_cast<size_t>(whole));
}

void pack_units(const int8_t* w, int n, char* out, int64_t unit_stride) {
  for (int i = 0; i < n; i += kUnitChannels, out += unit_stride) {
    const int count = least(kUnitChannels, n - i);
    if constexpr (kUnitChannels == 4) {
      int8_t unit[4] = {};
      for (int k = 0; k < count; k++) unit[k] = w[i + k];
      std::memcpy(out, unit, 4);
    } else {
      int16_t unit[2] = {};
      for (int k = 0; k < count; k++) unit[k] = w[i + k];
      std::memcpy(out, unit, 4);
    }
  }
}

}  // namespace SPL_ISA
}  // namespace spl
