// Numbers in device memory: float32 and float16. Sums are always float32.
#pragma once

#include "cuda/kernels/device.h"

namespace spl::cuda {

struct Half {
  uint16_t bits;
};

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(Half value) {
#ifdef SPL_CUDA_EMULATED
  return emulator::half_to_float(value.bits);
#else
  return __half2float(__ushort_as_half(value.bits));
#endif
}

template <class T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ Half from_float<Half>(float value) {
#ifdef SPL_CUDA_EMULATED
  return {emulator::float_to_half(value)};
#else
  return {__half_as_ushort(__float2half_rn(value))};
#endif
}

__device__ __forceinline__ float word_as_float(uint32_t word) {
#ifdef SPL_CUDA_EMULATED
  return emulator::bits_as_float(word);
#else
  return __uint_as_float(word);
#endif
}

__device__ __forceinline__ uint32_t word_of(const uint4& words, int i) {
  return i == 0 ? words.x : i == 1 ? words.y : i == 2 ? words.z : words.w;
}

// How a 32-bit word of memory splits into numbers.
template <class T>
struct WordOf;
template <>
struct WordOf<float> {
  static constexpr int kCount = 1;
  __device__ static __forceinline__ float at(uint32_t word, int) { return word_as_float(word); }
};
template <>
struct WordOf<Half> {
  static constexpr int kCount = 2;
  __device__ static __forceinline__ float at(uint32_t word, int i) {
    return to_float(Half{static_cast<uint16_t>(word >> 16 * i & 0xffff)});
  }
};

// What is read at once: 16 bytes where sizes and addresses allow it, else one number.
template <class T>
struct Wide {
  using Type = uint4;
  static constexpr int kCount = 4 * WordOf<T>::kCount;
  __device__ static __forceinline__ uint4 zero() { return make_uint4(0, 0, 0, 0); }
  __device__ static __forceinline__ float dot(const uint4& a, const uint4& b, float sum) {
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int j = 0; j < WordOf<T>::kCount; j++)
        sum = fmaf(WordOf<T>::at(word_of(a, i), j), WordOf<T>::at(word_of(b, i), j), sum);
    return sum;
  }
};
template <class T>
struct Narrow {
  using Type = T;
  static constexpr int kCount = 1;
  __device__ static __forceinline__ T zero() { return from_float<T>(0.0f); }
  __device__ static __forceinline__ float dot(const T& a, const T& b, float sum) {
    return fmaf(to_float(a), to_float(b), sum);
  }
};

template <>
__device__ __forceinline__ Half load_once<Half>(const Half* from) {
  return {load_once(&from->bits)};
}
template <>
__device__ __forceinline__ Half load<Half>(const Half* from) {
  return {load(&from->bits)};
}

}  // namespace spl::cuda
