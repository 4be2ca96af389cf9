// Quantisation of inputs to unsigned 8 bits and int8 scores, operation by operation as in
// docs/operators.md: no operation may be contracted with its neighbour, hence the _rn intrinsics.
#pragma once

#include <cfloat>

#include "cuda/kernels/device.h"

namespace spl::cuda {

struct Quantization {
  float scale, inverse, zero;

  __device__ static Quantization of(float scale, float zero) {
    return {scale, __fdiv_rn(1.0f, scale), zero};
  }
  __device__ static Quantization of_range(float low, float high) {
    float scale = __fdiv_rn(__fsub_rn(high, low), 255.0f);
    if (!(scale >= FLT_MIN && scale <= FLT_MAX)) scale = 1.0f;
    return of(scale, fminf(fmaxf(rintf(__fdiv_rn(-low, scale)), 0.0f), 255.0f));
  }
  // fmaxf gives 0 for not-a-number.
  __device__ uint32_t level(float x) const {
    const float level = __fadd_rn(rintf(__fmul_rn(x, inverse)), zero);
    return static_cast<uint32_t>(fminf(fmaxf(level, 0.0f), 255.0f));
  }
  __device__ float score(int sum, float weight_scale, float bias, float residual) const {
    const float product = __fmul_rn(__int2float_rn(sum), __fmul_rn(scale, weight_scale));
    return __fadd_rn(__fadd_rn(product, bias), residual);
  }
};

// Scale and zero point: given (scale > 0), or from ranges that a kernel has found.
struct InputScale {
  float scale, zero;
  const float* ranges;  // [entries, parts, 2]: least and largest of each part of an entry
  int parts;

  __device__ Quantization of_entry(int64_t entry) const {
    if (scale > 0.0f) return Quantization::of(scale, zero);
    float low = 0.0f, high = 0.0f;
    for (int part = 0; part < parts; part++) {
      const float* range = ranges + (entry * parts + part) * 2;
      low = fminf(low, range[0]), high = fmaxf(high, range[1]);
    }
    return Quantization::of_range(low, high);
  }
};

// Parts of an entry of `size` numbers that blocks of their own look through.
inline int range_parts(int64_t size) {
  const int64_t parts = ceil_div(size, 4096);
  return static_cast<int>(parts < 1 ? 1 : parts > 64 ? 64 : parts);
}
inline size_t range_bytes(int64_t entries, int64_t size) {
  return aligned_bytes(static_cast<size_t>(entries * range_parts(size)) * 2 * sizeof(float));
}

// Least and largest number of every part of `entries` x `size` numbers, 0 counted in and
// not-a-number left out, to `ranges` (range_bytes). T is float or Half.
template <class T>
Status find_ranges(const T* x, int64_t entries, int64_t size, float* ranges, Stream stream);

}  // namespace spl::cuda
