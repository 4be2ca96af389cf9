// A convolution with stride s as one with stride 1: squares of s x s pixels become the channels of
// one, and a kernel of k x k taps one of ceil(k / s) x ceil(k / s) with weights of 0 where it is
// larger. The padding becomes part of the image. For the first layers of networks, whose few
// channels fill no vector and whose large kernels then suit Winograd's convolution.
#pragma once

#include <vector>

#include "kernels/base/parallel.h"
#include "kernels/base/status.h"
#include "kernels/shape/geometry.h"
#include "kernels/weights/weight_matrix.h"

namespace spl {

// Whether it can be done, in memory that is not many times that of the image.
bool space_to_depth_suits(const ConvShape& shape);

// The shape of the same computation.
ConvShape space_to_depth(const ConvShape& shape);

// Weights [O][k'][k'][s * s * C].
std::vector<float> space_to_depth(const ConvShape& shape, const WeightMatrix& w);

// Fills image `to` of the new shape from `x` of the old one.
Status space_to_depth(const ConvShape& shape, const float* x, const Parallel& parallel, float* to);

}  // namespace spl
