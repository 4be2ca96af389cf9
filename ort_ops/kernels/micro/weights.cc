// Weights of layers in 8 bits: their quantisation, and the order in which dense_units reads them.
#include <cstring>

#include "kernels/micro/entry.h"
#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {
namespace {

constexpr int kUnitsAtOnce = 16;  // of an output: a cache line of its weights

// Unit of the weights w[0, count), count at most kUnitChannels; the rest is 0.
SPL_INLINE void put_unit(const int8_t* w, int count, char* out) {
  if constexpr (kUnitChannels == 4) {
    int8_t unit[4] = {};
    std::memcpy(unit, w, static_cast<size_t>(count));
    std::memcpy(out, unit, 4);
  } else {
    int16_t unit[2] = {};
    for (int k = 0; k < count; k++) unit[k] = w[k];
    std::memcpy(out, unit, 4);
  }
}

}  // namespace

void quantize_weights(const float* w, int64_t n, float scale, int8_t* out) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: what is added to it has no fraction left
  for (int64_t i = 0; i < n; i++) {
    float q = w[i] / scale;
    q = q < -127.0f ? -127.0f : q;
    q = q > 127.0f ? 127.0f : q;
    out[i] = static_cast<int8_t>(static_cast<int32_t>((q + kRound) - kRound));
  }
}

int32_t sum_levels(const int8_t* w, int64_t n) {
  int32_t sum = 0;
  for (int64_t i = 0; i < n; i++) sum += w[i];
  return sum;
}

void pack_units(const int8_t* w, int64_t output_stride, int outputs, int n, char* out,
                int64_t unit_stride) {
  const int whole = n / kUnitChannels;
  for (int first = 0; first < whole; first += kUnitsAtOnce) {
    const int count = least(kUnitsAtOnce, whole - first);
    for (int o = 0; o < outputs; o++) {
      const int8_t* from = w + o * output_stride + first * kUnitChannels;
      char* to = out + first * unit_stride + o * 4;
      for (int u = 0; u < count; u++, from += kUnitChannels, to += unit_stride)
        put_unit(from, kUnitChannels, to);
    }
  }
  if (whole * kUnitChannels == n) return;
  for (int o = 0; o < outputs; o++)
    put_unit(w + o * output_stride + whole * kUnitChannels, n - whole * kUnitChannels,
             out + whole * unit_stride + o * 4);
}

}  // namespace SPL_ISA
}  // namespace spl
