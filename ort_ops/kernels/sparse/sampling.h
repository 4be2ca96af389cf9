// Cheap looks at an image before choosing how to compute it.
#pragma once

#include <cstdint>

#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"

namespace spl {

// Share of zero elements of `per_element` channels (all of them 0) among some pixels of an image
// [H, W, C], up to a few hundred.
double sampled_zero_share(const ConvShape& shape, const float* image, int per_element);

// Selected outputs of an image (codes that are not 0) per convolution output.
double selected_share(const ConvShape& shape, const uint8_t* codes, const MicroKernels& micro);

}  // namespace spl
