// Local response normalisation over the channels of channels-last images, as ONNX LRN.
#pragma once

#include "kernels/base/status.h"
#include "kernels/micro/micro.h"

namespace spl {

struct LrnAttributes {
  int64_t size = 1;  // channels in a window
  float alpha = 1e-4f, beta = 0.75f, bias = 1.0f;

  // Empty when the attributes are within the contract, otherwise what is wrong.
  Status check() const;
  // The same for bytes.
  Status check_bytes() const;
};

// y = x / (bias + alpha / size * sum of squares of the window)^beta for `pixels` rows of `channels`
// values. The attributes are checked.
Status run_lrn(const LrnAttributes& at, const float* x, int64_t pixels, int64_t channels, float* y,
               const Parallel& parallel, const MicroKernels& micro);

// The same of numbers that bytes stand for, as bytes. Contract: docs/operators.md.
Status run_byte_lrn(const LrnAttributes& at, const uint8_t* x, const Quantization& x_code,
                    int64_t pixels, int64_t channels, uint8_t* y, const Quantization& y_code,
                    const Parallel& parallel, const MicroKernels& micro);

}  // namespace spl
