// SRMM on images: exact values of the selected outputs of a convolution with residual, activation
// and max pooling; or of all outputs, with zero inputs skipped. Contract: docs/operators.md.
//
// A matrix product with all outputs is the same computation on an image of one row.
#pragma once

#include "kernels/srmm/algorithm_set.h"

namespace spl {

class ConvSrmm {
 public:
  // `selects` says whether runs will have a selection. `w` and `b` must outlive this object.
  ConvSrmm(const ConvShape& shape, const WeightMatrix& w, const float* b, const Clamp& clamp,
           Strategy strategy, bool selects, const MicroKernels& micro,
           Precision precision = Precision::kFloat32)
      : algorithms_(conv_algorithms(), {shape, w, b, clamp, micro, precision}, strategy, selects) {}

  Status run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const {
    return algorithms_.run(shape, in, parallel);
  }

  const AlgorithmSet& algorithms() const { return algorithms_; }

 private:
  AlgorithmSet algorithms_;
};

}  // namespace spl
