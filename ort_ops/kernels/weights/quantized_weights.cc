#include "kernels/weights/quantized_weights.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "kernels/micro/micro.h"

namespace spl {

QuantizedWeights::QuantizedWeights(const ConvShape& shape, const WeightMatrix& w)
    : values_(static_cast<size_t>(shape.O * shape.K())),
      scale_(static_cast<size_t>(shape.O) + kLanes, 0.0f),
      sum_(static_cast<size_t>(shape.O) + kLanes, 0) {
  for (int64_t o = 0; o < shape.O; o++) {
    float most = 0;
    for (int64_t k = 0; k < shape.K(); k++) most = std::max(most, std::fabs(*w.at(o, k)));
    const float scale = most / 127.0f;
    scale_[o] = scale >= FLT_MIN && std::isfinite(scale) ? scale : 1.0f;
    for (int64_t k = 0; k < shape.K(); k++) {
      const float q = std::nearbyint(*w.at(o, k) / scale_[o]);
      const int8_t value = static_cast<int8_t>(std::min(std::max(q, -127.0f), 127.0f));
      values_[static_cast<size_t>(o * shape.K() + k)] = value;
      sum_[o] += value;
    }
  }
}

}  // namespace spl
