// Correction and scale that make values of 32-bit sums of products in 8 bits.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/weights/quantized_weights.h"

namespace spl {

// Of outputs [o, o + width) under one quantisation of the input; 0 where there is no output.
inline void fill_unit_scores(const QuantizedWeights& weights, const Quantization& q, int64_t o,
                             int64_t width, int32_t* correction, float* scale) {
  const int64_t real = std::min(width, weights.outputs() - o);
  std::fill(correction + real, correction + width, 0);
  std::fill(scale + real, scale + width, 0.0f);
  for (int64_t i = 0; i < real; i++) {
    correction[i] = static_cast<int32_t>(q.zero) * weights.sums()[o + i];
    scale[i] = q.scale * weights.scales()[o + i];
  }
}

// Of all outputs under the quantisation of each image, made once for all tiles.
class UnitScores {
 public:
  // `bias` is that of all outputs, and must outlive this.
  UnitScores(const QuantizedWeights& weights, const std::vector<Quantization>& images,
             const float* bias)
      : pitch_(weights.outputs() + kLanes), bias_(bias) {
    correction_.resize(images.size() * static_cast<size_t>(pitch_));
    scale_.resize(correction_.size());
    for (size_t n = 0; n < images.size(); n++) {
      const size_t at = n * static_cast<size_t>(pitch_);
      fill_unit_scores(weights, images[n], 0, pitch_, &correction_[at], &scale_[at]);
    }
    begin_.reserve(correction_.size());
    for (const int32_t correction : correction_) begin_.push_back(-correction);
  }
  // Sums that begin so need no correction.
  const int32_t* begin(int64_t n, int64_t o) const { return begin_.data() + n * pitch_ + o; }
  // Of image n, from output o on.
  ScoreView of(int64_t n, int64_t o) const {
    const int64_t at = n * pitch_ + o;
    return {correction_.data() + at, scale_.data() + at, bias_ + o};
  }

 private:
  int64_t pitch_;
  const float* bias_;
  std::vector<int32_t> correction_, begin_;
  std::vector<float> scale_;
};

}  // namespace spl
