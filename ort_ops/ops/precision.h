// Weights of SRMM, and what layers must be like for products in 8 bits. The CUDA provider has none.
#pragma once

#include "kernels/srmm/algorithm.h"
#include "ops/ort_call.h"

namespace spl {

// `where` they lie, with the bytes and scales of int8 `w`. Throws InvalidArgument unless scales fit
// their type and are such that weights have finite values.
WeightMatrix read_weights(WeightMatrix where, const ort::Tensor& w, const ort::Tensor& scale,
                          int64_t outputs, Precision precision);

// Throws InvalidArgument unless the layer can be computed in `precision`.
void require_precision(const ConvShape& shape, const WeightMatrix& w, Precision precision,
                       bool matrix);

}  // namespace spl
