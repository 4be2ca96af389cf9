#include "kernels/srmm/algorithm.h"

#include <algorithm>

namespace spl {

SrmmInputs image_inputs(const ConvShape& shape, const SrmmInputs& in, int64_t n) {
  SrmmInputs image = in;
  const int64_t out = shape.pH * shape.pW * shape.O;
  const int64_t in_image = n * shape.H * shape.W * shape.C;
  if (image.x != nullptr) image.x += in_image;
  if (image.x_bytes != nullptr) image.x_bytes += in_image;
  if (image.y != nullptr) image.y += n * out;
  if (image.y_bytes != nullptr) image.y_bytes += n * out;
  if (image.s != nullptr) image.s += n * out;
  if (image.residual.data != nullptr && !image.residual.one_element)
    image.residual.data += n * shape.oH * shape.oW * shape.O;
  if (image.residual.bytes != nullptr) image.residual.bytes += n * shape.oH * shape.oW * shape.O;
  return image;
}

Status input_quantizations(const ConvShape& shape, const SrmmInputs& in, bool rows,
                           const MicroKernels& micro, const Parallel& parallel,
                           std::vector<Quantization>* out) {
  const int64_t count = rows ? shape.W : shape.N;
  if (in.x_scale != nullptr) {
    out->assign(static_cast<size_t>(count), {in.x_scale[0], 1.0f / in.x_scale[0], in.x_scale[1]});
    return "";
  }
  const int64_t size = rows ? shape.C : shape.H * shape.W * shape.C;
  return dynamic_quantizations(in.x, count, size, micro, parallel, out);
}

std::vector<float> padded_bias(const float* b, int64_t outputs) {
  std::vector<float> bias(static_cast<size_t>(outputs) + kLanes, 0.0f);
  if (b != nullptr) std::copy(b, b + outputs, bias.begin());
  return bias;
}

}  // namespace spl
