// Mean of every channel over the whole image, as ONNX GlobalAveragePool, channels last.
#pragma once

#include "kernels/base/status.h"
#include "kernels/micro/micro.h"

namespace spl {

// x is of sizes dims = {N, H, W, C}, y is [N,1,1,C]. An image without pixels is a problem.
Status run_global_average(const float* x, const int64_t dims[4], float* y, const Parallel& parallel,
                          const MicroKernels& micro);

// The same of numbers that bytes stand for.
Status run_byte_average(const uint8_t* x, const int64_t dims[4], const Quantization& code, float* y,
                        const Parallel& parallel, const MicroKernels& micro);

}  // namespace spl
