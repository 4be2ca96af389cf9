// Weights of a layer as signed 8 bits, with a scale for each output.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"
#include "kernels/weights/weight_matrix.h"

namespace spl {

// w[o][k] is about q[o][k] * scale[o]. Weights in bytes are taken as they are. Of floats, which are
// finite, scale = m / 127 with m the largest magnitude of an output (1 where that is no normal
// number), q = round(w / scale) within +-127.
class QuantizedWeights {
 public:
  QuantizedWeights(const ConvShape& shape, const WeightMatrix& w, const MicroKernels& micro);
  // [O, K]; bytes in this order are read where they lie.
  const int8_t* values() const { return values_.empty() ? in_place_ : values_.data(); }
  void drop_values() { values_ = {}, in_place_ = nullptr; }  // once they are packed
  int64_t outputs() const { return static_cast<int64_t>(scale_.size()) - kLanes; }
  // Both [O] followed by a lane block of zeros.
  const float* scales() const { return scale_.data(); }
  const int32_t* sums() const { return sum_.data(); }  // of the values of an output

 private:
  void quantize(const ConvShape& shape, const WeightMatrix& w, const MicroKernels& micro);
  void take(const ConvShape& shape, const WeightMatrix& w);

  std::vector<int8_t> values_;
  const int8_t* in_place_ = nullptr;
  std::vector<float> scale_;
  std::vector<int32_t> sum_;
};

}  // namespace spl
