#include "kernels/srmm/conv_srmm.h"

#include <algorithm>

#include "kernels/sparse/zero_skip.h"

namespace spl {

ConvSrmm::ConvSrmm(const ConvShape& shape, const WeightMatrix& w, const float* b,
                   const Clamp& clamp, Strategy strategy, bool selects, const MicroKernels& micro) {
  const SrmmLayer layer{shape, w, b, clamp, micro};
  const bool skips = ZeroSkipWeights::suits(shape);
  if (selects && (strategy == Strategy::kAuto || strategy == Strategy::kSelect)) {
    const bool one_tap = shape.taps() == 1 && shape.Cg >= kLanes;
    method_ = one_tap ? make_selected_1x1(layer) : make_selected(layer);
    if (strategy == Strategy::kAuto && skips) method_ = make_adaptive(layer, std::move(method_));
  } else if (strategy == Strategy::kZeroSkip || (strategy == Strategy::kAuto && skips)) {
    method_ = make_zero_skip(layer, strategy == Strategy::kZeroSkip);
  } else {
    method_ = make_dense(layer);
  }
}

SrmmInputs image_inputs(const ConvShape& shape, const SrmmInputs& in, int64_t n) {
  SrmmInputs image = in;
  const int64_t out = shape.pH * shape.pW * shape.O;
  image.x += n * shape.H * shape.W * shape.C;
  image.y += n * out;
  if (image.s != nullptr) image.s += n * out;
  if (image.residual.data != nullptr && !image.residual.one_element)
    image.residual.data += n * shape.oH * shape.oW * shape.O;
  return image;
}

std::vector<float> padded_bias(const float* b, int64_t outputs) {
  std::vector<float> bias(static_cast<size_t>(outputs) + kLanes, 0.0f);
  if (b != nullptr) std::copy(b, b + outputs, bias.begin());
  return bias;
}

}  // namespace spl
