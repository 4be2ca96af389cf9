// Maximum pooling of channels-last images, as ONNX MaxPool without dilations.
#pragma once

#include "kernels/geometry.h"
#include "kernels/micro.h"
#include "kernels/status.h"

namespace spl {

// Sizes of the output of pooling images of sizes x = {N, H, W, C}. Only the pool_ members of `at`
// count. Returns an empty string and fills `out`, or says what does not fit.
std::string max_pool_shape(const ConvAttributes& at, const int64_t x[4], int64_t out[4]);

// `out` is of max_pool_shape.
Message run_max_pool(const ConvAttributes& at, const float* x, const int64_t dims[4], float* y,
                     const int64_t out[4], const Parallel& parallel, const MicroKernels& micro);

}  // namespace spl
