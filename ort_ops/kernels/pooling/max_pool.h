// Maximum pooling of channels-last images, as ONNX MaxPool without dilations.
#pragma once

#include "kernels/base/status.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"

namespace spl {

// `out` is of max_pool_shape. T: float or uint8_t.
template <class T>
Status run_max_pool(const ConvAttributes& at, const T* x, const int64_t dims[4], T* y,
                    const int64_t out[4], const Parallel& parallel, const MicroKernels& micro);

}  // namespace spl
