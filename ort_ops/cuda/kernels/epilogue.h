// From a sum of products to a value or a score: bias, residual, activation, selection.
#pragma once

#include "cuda/kernels/element.h"
#include "kernels/micro/clamp.h"

namespace spl::cuda {

// What is added to a sum of output `o` at position `at` of the tensor before pooling. Pointers may
// be null; `residual` has one element or one per position.
template <class T>
struct Addends {
  const T* bias;
  const T* residual;
  bool one_element;

  __device__ float residual_at(int64_t at) const {
    return residual == nullptr ? 0.0f : to_float(load(residual + (one_element ? 0 : at)));
  }
  __device__ float to(float sum, int64_t o, int64_t at) const {
    if (bias != nullptr) sum += to_float(load(bias + o));
    return sum + residual_at(at);
  }
};

__device__ __forceinline__ float clamped(const Clamp& clamp, float value) {
  value = fminf(fmaxf(value, clamp.low), clamp.high);
  return clamp.floor > 0.0f && value <= clamp.floor ? 0.0f : value;
}

// A selection that no kernel may follow. An asynchronous provider cannot report it without waiting,
// so it shows in the output.
__device__ __forceinline__ float refused_value() { return word_as_float(0x7fc00000u); }

// What `code` makes of the value of an output without pooling.
__device__ __forceinline__ float selected_value(int code, float value) {
  return code == 1 ? value : code == 0 ? 0.0f : refused_value();
}

}  // namespace spl::cuda
