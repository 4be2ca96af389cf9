// Quantisation of the input.
#include "kernels/micro/bytes.h"
#include "kernels/micro/entry.h"
#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {
namespace {

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
  if constexpr (kUnitChannels == 4) {
    const Target bytes{nullptr, to, {0, inverse, zero_point}};
    for (; i + 4 * W <= n; i += 4 * W) {
      const Vec v[4] = {load(x + i), load(x + i + W), load(x + i + 2 * W), load(x + i + 3 * W)};
      put<4>(bytes, i, v);
    }
  }
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

void quantize_bytes(const float* x, int64_t n, const Quantization& code, uint8_t* out) {
  int64_t i = 0;
  const Target to{nullptr, out, code};
  for (; i + 4 * W <= n; i += 4 * W) {
    const Vec v[4] = {load(x + i), load(x + i + W), load(x + i + 2 * W), load(x + i + 3 * W)};
    put<4>(to, i, v);
  }
  for (; i + W <= n; i += W) store_bytes(load(x + i), code, out + i);
  if (i == n) return;
  const int lanes = static_cast<int>(n - i);
  const Vec v = load_first(x + i, lanes);
  store_codes(quantized(v, splat(code.inverse), splat(code.zero)), out + i, lanes);
}

void dequantize(const uint8_t* x, int64_t n, const Quantization& code, float* out) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(out + i, load_bytes(x + i, code));
  if (i == n) return;
  const int lanes = static_cast<int>(n - i);
  store_some(mul(less_zero(load_codes(x + i, lanes), code), splat(code.scale)), out + i, lanes);
}

void widen(const uint8_t* x, int64_t n, void* out) {
  constexpr int kBytes = 4 / kUnitChannels;  // per channel
  uint8_t* to = static_cast<uint8_t*>(out);
  const int64_t whole = (n + kUnitChannels - 1) / kUnitChannels * kUnitChannels;
  if constexpr (kUnitChannels == 4) {
    std::memcpy(to, x, static_cast<size_t>(n));
  } else {
    for (int64_t i = 0; i < n; i++) to[i * 2] = x[i], to[i * 2 + 1] = 0;
  }
  std::memset(to + n * kBytes, 0, static_cast<size_t>((whole - n) * kBytes));
}

}  // namespace SPL_ISA
}  // namespace spl
