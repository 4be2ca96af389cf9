#include "kernels/conv_srmm.h"

#include <algorithm>

#include "kernels/zero_skip.h"

namespace spl {

ConvSrmm::ConvSrmm(const ConvShape& shape, const float* w, const float* b, const Clamp& clamp,
                   Strategy strategy, bool selects, const MicroKernels& micro) {
  const SrmmLayer layer{shape, w, b, clamp, micro};
  if (selects && (strategy == Strategy::kAuto || strategy == Strategy::kSelect))
    method_ =
        shape.taps() == 1 && shape.Cg >= kLanes ? make_selected_1x1(layer) : make_selected(layer);
  else if (strategy == Strategy::kZeroSkip ||
           (strategy == Strategy::kAuto && ZeroSkipWeights::suits(shape)))
    method_ = make_zero_skip(layer, strategy == Strategy::kZeroSkip);
  else
    method_ = make_dense(layer);
}

std::vector<float> padded_bias(const float* b, int64_t outputs) {
  std::vector<float> bias(static_cast<size_t>(outputs) + kLanes, 0.0f);
  if (b != nullptr) std::copy(b, b + outputs, bias.begin());
  return bias;
}

}  // namespace spl
