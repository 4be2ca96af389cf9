#include "ops/precision.h"

#include <cfloat>
#include <cmath>
#include <string>

#include "kernels/srmm/winograd/winograd.h"
#include "ops/operands.h"

namespace spl {
namespace {

void require_scales(const float* scale, int64_t outputs) {
  for (int64_t o = 0; o < outputs; o++)
    if (!(scale[o] >= FLT_MIN && scale[o] <= FLT_MAX / 128))
      throw ort::InvalidArgument("Wscale of output " + std::to_string(o) + " is " +
                                 std::to_string(scale[o]) +
                                 ", wanted a positive normal number, 128 times which is finite");
}

}  // namespace

WeightMatrix read_weights(WeightMatrix where, const ort::Tensor& w, const ort::Tensor& scale,
                          int64_t outputs, Precision precision) {
  if (w.type == ort::kFloat) {
    require_unscaled(scale);
    return where;
  }
  if (precision == Precision::kFloat32)
    throw ort::InvalidArgument("got int8 W, which goes with precision int8 or int8_winograd only");
  where.data = nullptr;
  where.bytes = w.as<int8_t>();
  where.scale = read_bias("Wscale", scale, outputs);
  if (where.scale == nullptr)
    throw ort::InvalidArgument("got int8 W without Wscale; wanted one scale per output");
  require_scales(where.scale, outputs);
  return where;
}

void require_precision(const ConvShape& shape, const WeightMatrix& w, Precision precision,
                       bool matrix) {
  if (precision == Precision::kFloat32) return;
  require_int8_size("W", shape.K());
  for (int64_t o = 0; o < shape.O && w.bytes == nullptr; o++)
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
