// Weights of a layer as signed 8 bits, with a scale for each output.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/shape/geometry.h"
#include "kernels/weights/weight_matrix.h"

namespace spl {

// w[o][k] is about q[o][k] * scale[o]: scale = m / 127 with m the largest magnitude of an output (1
// where that is no normal number), q = round(w / scale) within +-127. Weights are finite.
class QuantizedWeights {
 public:
  QuantizedWeights(const ConvShape& shape, const WeightMatrix& w);
  const int8_t* values() const { return values_.data(); }  // [O, K]
  void drop_values() { values_ = {}; }                     // once they are packed
  // Both [O] followed by a lane block of zeros.
  const float* scales() const { return scale_.data(); }
  const int32_t* sums() const { return sum_.data(); }  // of the values of an output

 private:
  std::vector<int8_t> values_;
  std::vector<float> scale_;
  std::vector<int32_t> sum_;
};

}  // namespace spl
