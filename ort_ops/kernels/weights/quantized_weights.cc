#include "kernels/weights/quantized_weights.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>

#include "kernels/micro/micro.h"

namespace spl {

QuantizedWeights::QuantizedWeights(const ConvShape& shape, const WeightMatrix& w)
    : scale_(static_cast<size_t>(shape.O) + kLanes, 0.0f),
      sum_(static_cast<size_t>(shape.O) + kLanes, 0) {
  if (w.bytes == nullptr)
    quantize(shape, w);
  else
    take(shape, w);
  const int8_t* row = values();
  for (int64_t o = 0; o < shape.O; o++, row += shape.K())
    sum_[o] = std::accumulate(row, row + shape.K(), int32_t{0});
}

void QuantizedWeights::quantize(const ConvShape& shape, const WeightMatrix& w) {
  values_.resize(static_cast<size_t>(shape.O * shape.K()));
  int8_t* to = values_.data();
  for (int64_t o = 0; o < shape.O; o++) {
    float most = 0;
    for (int64_t k = 0; k < shape.K(); k++) most = std::max(most, std::fabs(*w.at(o, k)));
    const float scale = most / 127.0f;
    scale_[o] = scale >= FLT_MIN && std::isfinite(scale) ? scale : 1.0f;
    for (int64_t k = 0; k < shape.K(); k++) {
      const float q = std::nearbyint(*w.at(o, k) / scale_[o]);
      *to++ = static_cast<int8_t>(std::min(std::max(q, -127.0f), 127.0f));
    }
  }
}

void QuantizedWeights::take(const ConvShape& shape, const WeightMatrix& w) {
  std::copy(w.scale, w.scale + shape.O, scale_.begin());
  if (w.input_stride == 1 && w.output_stride == shape.K()) {
    in_place_ = w.bytes;
    return;
  }
  values_.resize(static_cast<size_t>(shape.O * shape.K()));
  int8_t* to = values_.data();
  for (int64_t o = 0; o < shape.O; o++)
    for (int64_t k = 0; k < shape.K(); k++) *to++ = w.bytes[w.index(o, k)];
}

}  // namespace spl
