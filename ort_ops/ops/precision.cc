#include "ops/precision.h"

#include <cmath>
#include <string>

#include "kernels/srmm/winograd/winograd.h"
#include "ops/operands.h"

namespace spl {

void require_precision(const ConvShape& shape, const WeightMatrix& w, Precision precision,
                       bool matrix) {
  if (precision == Precision::kFloat32) return;
  require_int8_size("W", shape.K());
  for (int64_t o = 0; o < shape.O; o++)
    for (int64_t k = 0; k < shape.K(); k++)
      if (!std::isfinite(*w.at(o, k)))
        throw ort::InvalidArgument("W of output " + std::to_string(o) +
                                   " is not finite, wanted finite weights for products in 8 bits");
  if (precision == Precision::kInt8Winograd && (matrix || !winograd_suits(shape)))
    throw ort::InvalidArgument(
        "attribute precision: got 'int8_winograd', wanted it with square kernels of 2 to 5 without "
        "strides and dilations, and at least 8 channels and outputs in a group");
}

}  // namespace spl
