// Weights of a layer as a matrix, in either order, where they lie.
#pragma once

#include <cstdint>

namespace spl {

// Weight k of output o has the index o * output_stride + k * input_stride; one of the strides is 1.
// It is data[index], or bytes[index] * scale[o].
struct WeightMatrix {
  const float* data;
  int64_t output_stride, input_stride;
  const int8_t* bytes = nullptr;  // instead of data, with a scale for each output
  const float* scale = nullptr;

  int64_t index(int64_t o, int64_t k) const { return o * output_stride + k * input_stride; }
  // Of floats.
  const float* at(int64_t o, int64_t k) const { return data + index(o, k); }
  // Of both; float(byte) * scale is rounded once.
  float value(int64_t o, int64_t k) const {
    const int64_t i = index(o, k);
    return bytes == nullptr ? data[i] : static_cast<float>(bytes[i]) * scale[o];
  }
  // The values of output `o`, `inputs` of them: where they lie side by side, else in `room`.
  const float* row(int64_t o, int64_t inputs, float* room) const {
    if (bytes == nullptr && input_stride == 1) return at(o, 0);
    for (int64_t k = 0; k < inputs; k++) room[k] = value(o, k);
    return room;
  }
};

// [O, K]: the weights of an output lie side by side.
inline WeightMatrix rows_of_outputs(const float* w, int64_t inputs) { return {w, inputs, 1}; }
// [K, O]: the weights of an input lie side by side.
inline WeightMatrix rows_of_inputs(const float* w, int64_t outputs) { return {w, 1, outputs}; }

}  // namespace spl
