// What one lane sums in gemm_columns.cu: products of inputs with columns of its own of the weights.
//
// A Sums has
//   Input, Sum, kLaneBytes, kWords      what it reads and adds up, bytes of a weight row per lane
//   begin(call, first)                  before the first weight row, for rows of X from `first` on
//   bool take(call, first, k)           the inputs of this lane's weight row k; false when they add
//   nothing add(rows, count, words)             products with the weight rows of `count` lanes
//   result(m, c)                        the sum of row m of X and column c
#pragma once

#include "cuda/kernels/element.h"
#include "cuda/kernels/quantize.h"

namespace spl::cuda {

constexpr int kLoads = 4;  // weight rows under way per lane

template <int kBytes>
struct Bytes;
template <>
struct Bytes<4> {
  using Type = uint32_t;
};
template <>
struct Bytes<8> {
  using Type = uint2;
};
template <>
struct Bytes<16> {
  using Type = uint4;
};

template <int kWords, class Type>
__device__ __forceinline__ void to_words(const Type& from, uint32_t (&words)[kWords]) {
  if constexpr (kWords == 1) {
    words[0] = from;
  } else if constexpr (kWords == 2) {
    words[0] = from.x, words[1] = from.y;
  } else {
    words[0] = from.x, words[1] = from.y, words[2] = from.z, words[3] = from.w;
  }
}

// Inputs as they are, weights T: kX rows of X times kColumns weights per lane.
template <class T, int kX, int kColumns>
struct FloatSums {
  using Input = T;
  using Sum = float;
  static constexpr int kLaneBytes = kColumns * static_cast<int>(sizeof(T));
  static constexpr int kWords = kLaneBytes / 4;

  float values[kX] = {};  // inputs of this lane's row of the weights
  float sums[kX * kColumns] = {};

  template <class Call>
  __device__ void begin(const Call&, int64_t) {}
  template <class Call>
  __device__ bool take(const Call& p, int64_t first, int64_t k) {
    bool counts = false;
#pragma unroll
    for (int m = 0; m < kX; m++) {
      const bool inside = first + m < p.rows && k < p.k;
      values[m] = inside ? to_float(load(p.x + (first + m) * p.k + k)) : 0.0f;
      counts |= values[m] != 0.0f;  // true for not-a-number
    }
    return counts;
  }
  // Adds the products with weight rows of lanes rows[0..count); words of the others are 0.
  __device__ void add(const int (&rows)[kLoads], int count,
                      const uint32_t (&words)[kLoads][kWords]) {
#pragma unroll
    for (int i = 0; i < kLoads; i++) {
      if (i >= count) break;
#pragma unroll
      for (int m = 0; m < kX; m++) {
        const float x = __shfl_sync(kAllLanes, values[m], rows[i]);
#pragma unroll
        for (int c = 0; c < kColumns; c++) {
          constexpr int kEach = WordOf<T>::kCount;
          const float w = WordOf<T>::at(words[i][c / kEach], c % kEach);
          sums[m * kColumns + c] = fmaf(x, w, sums[m * kColumns + c]);
        }
      }
    }
  }
  __device__ Sum result(int m, int c) const { return sums[m * kColumns + c]; }
};

// Inputs quantised on the way; four weight rows at a time, because one instruction adds four
// products.
template <class X, int kX, int kColumns>
struct Int8Sums {
  using Input = X;
  using Sum = int;
  static constexpr int kLaneBytes = kColumns, kWords = kColumns / 4;

  Quantization quantizations[kX];
  int zeros[kX];
  uint32_t levels[kX] = {};
  int sums[kX * kColumns] = {};
  int weights[kColumns] = {};  // sums of the weights that were read

  template <class Call>
  __device__ void begin(const Call& p, int64_t first) {
    // One lane works a row's quantisation out, the others take it over.
    const int64_t row = first + lane_index() % kX;
    const Quantization own = p.scale.of_entry(row < p.rows ? row : p.rows - 1);
#pragma unroll
    for (int m = 0; m < kX; m++) {
      quantizations[m] = {__shfl_sync(kAllLanes, own.scale, m),
                          __shfl_sync(kAllLanes, own.inverse, m),
                          __shfl_sync(kAllLanes, own.zero, m)};
      zeros[m] = static_cast<int>(quantizations[m].zero);
    }
  }
  // An input at the zero point adds (q - z) * w = 0, whatever its weight.
  template <class Call>
  __device__ bool take(const Call& p, int64_t first, int64_t k) {
    bool counts = false;
#pragma unroll
    for (int m = 0; m < kX; m++) {
      const bool inside = first + m < p.rows && k < p.k;
      levels[m] = inside ? quantizations[m].level(to_float(load(p.x + (first + m) * p.k + k)))
                         : static_cast<uint32_t>(zeros[m]);
      counts |= levels[m] != static_cast<uint32_t>(zeros[m]);
    }
    return counts;
  }
  __device__ void add(const int (&rows)[kLoads], int, const uint32_t (&words)[kLoads][kWords]) {
    static_assert(kLoads == 4, "the bytes of a word");
    uint32_t inputs[kX];
#pragma unroll
    for (int m = 0; m < kX; m++) {
      inputs[m] = 0;
#pragma unroll
      for (int i = 0; i < kLoads; i++)
        inputs[m] |= __shfl_sync(kAllLanes, levels[m], rows[i]) << 8 * i;
    }
#pragma unroll
    for (int w = 0; w < kWords; w++) {
      // 4 x 4 bytes change places: columns of four rows become rows of four columns.
      const uint32_t low01 = __byte_perm(words[0][w], words[1][w], 0x5140),
                     low23 = __byte_perm(words[2][w], words[3][w], 0x5140),
                     high01 = __byte_perm(words[0][w], words[1][w], 0x7362),
                     high23 = __byte_perm(words[2][w], words[3][w], 0x7362);
      const uint32_t columns[4] = {
          __byte_perm(low01, low23, 0x5410), __byte_perm(low01, low23, 0x7632),
          __byte_perm(high01, high23, 0x5410), __byte_perm(high01, high23, 0x7632)};
#pragma unroll
      for (int c = 0; c < 4; c++) {
        weights[4 * w + c] = dot4(0x01010101u, columns[c], weights[4 * w + c]);
#pragma unroll
        for (int m = 0; m < kX; m++) {
          int& sum = sums[m * kColumns + 4 * w + c];
          sum = dot4(inputs[m], columns[c], sum);
        }
      }
    }
  }
  __device__ Sum result(int m, int c) const {
    return sums[m * kColumns + c] - zeros[m] * weights[c];
  }
};

}  // namespace spl::cuda
