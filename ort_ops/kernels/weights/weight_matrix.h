// Weights of a layer as a matrix, in either order, where they lie.
#pragma once

#include <cstdint>

namespace spl {

// Weight k of output o is at data[o * output_stride + k * input_stride]; one of the strides is 1.
struct WeightMatrix {
  const float* data;
  int64_t output_stride, input_stride;

  const float* at(int64_t o, int64_t k) const {
    return data + o * output_stride + k * input_stride;
  }
};

// [O, K]: the weights of an output lie side by side.
inline WeightMatrix rows_of_outputs(const float* w, int64_t inputs) { return {w, inputs, 1}; }
// [K, O]: the weights of an input lie side by side.
inline WeightMatrix rows_of_inputs(const float* w, int64_t outputs) { return {w, 1, outputs}; }

}  // namespace spl
