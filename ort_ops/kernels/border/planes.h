// From images as ONNX has them, a plane of floats for each channel, to channels-last bytes.
#pragma once

#include <cstdint>

#include "kernels/base/status.h"
#include "kernels/micro/micro.h"

namespace spl {

// `images` of `channels` planes with `pixels` floats to the bytes that stand for them.
Status run_quantize_planes(const float* x, int64_t images, int64_t channels, int64_t pixels,
                           const Quantization& code, uint8_t* y, const Parallel& parallel,
                           const MicroKernels& micro);

}  // namespace spl
