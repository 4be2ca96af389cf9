// What layers must be like for products in 8 bits. The CUDA provider has none.
#pragma once

#include "kernels/srmm/algorithm.h"

namespace spl {

// Throws InvalidArgument unless the layer can be computed in `precision`.
void require_precision(const ConvShape& shape, const WeightMatrix& w, Precision precision,
                       bool matrix);

}  // namespace spl
