// Cheap looks at an image before choosing how to compute it.
#pragma once

#include <cstdint>

#include "kernels/geometry.h"
#include "kernels/micro.h"

namespace spl {

// Share of zero elements of `per_element` channels (all of them 0) among some pixels of an image
// [H, W, C], up to a few hundred.
double sampled_zero_share(const ConvShape& shape, const float* image, int per_element);

// Time of zero skipping relative to ONNX Runtime's dense work, fitted to measurements
// (docs/benchmarks.md), for a share of zero inputs.
inline double zero_skip_cost(double zeros) { return 0.06 + 1.15 * (1 - zeros); }

// Selected outputs of an image (codes that are not 0) per convolution output.
double selected_share(const ConvShape& shape, const uint8_t* codes, const MicroKernels& micro);

}  // namespace spl
