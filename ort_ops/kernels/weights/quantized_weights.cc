#include "kernels/weights/quantized_weights.h"

#include <algorithm>
#include <cfloat>

namespace spl {

QuantizedWeights::QuantizedWeights(const ConvShape& shape, const WeightMatrix& w,
                                   const MicroKernels& micro)
    : scale_(static_cast<size_t>(shape.O) + kLanes, 0.0f),
      sum_(static_cast<size_t>(shape.O) + kLanes, 0) {
  if (w.bytes == nullptr)
    quantize(shape, w, micro);
  else
    take(shape, w);
  const int8_t* row = values();
  for (int64_t o = 0; o < shape.O; o++, row += shape.K())
    sum_[o] = micro.sum_levels(row, shape.K());
}

void QuantizedWeights::quantize(const ConvShape& shape, const WeightMatrix& w,
                                const MicroKernels& micro) {
  const int64_t inputs = shape.K();
  values_.resize(static_cast<size_t>(shape.O * inputs));
  std::vector<float> room(static_cast<size_t>(inputs));
  for (int64_t o = 0; o < shape.O; o++) {
    const float* row = w.row(o, inputs, room.data());
    float low = 0, high = 0;
    micro.min_max(row, inputs, &low, &high);
    const float scale = std::max(-low, high) / 127.0f;
    scale_[o] = scale >= FLT_MIN ? scale : 1.0f;
    micro.quantize_weights(row, inputs, scale_[o], values_.data() + o * inputs);
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
