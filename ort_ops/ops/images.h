// Domain ai.spl.conv, whatever the provider: attributes and shapes of channels-last images.
#pragma once

#include <vector>

#include "kernels/srmm/conv_srmm.h"
#include "ops/operands.h"
#include "ops/pooling.h"

namespace spl::images {

template <class Source>
ConvAttributes read_attributes(const Source& from) {
  ConvAttributes at;
  read_integers(from, "strides", at.strides, 2);
  read_integers(from, "pads", at.pads, 4);
  read_integers(from, "dilations", at.dilations, 2);
  at.group = from.integer("group");
  read_pooling(from, &at);
  require_empty(at.check());
  return at;
}

// Images as a domain of nodes.h.
class Images {
 public:
  using Srmm = ConvSrmm;
  static constexpr bool kRows = false;
  static bool select_all(const ort::Info& info) { return info.integer("select_all") != 0; }

  explicit Images(const ort::Info& info) : attributes_(read_attributes(info)) {}

  ConvShape shape(const ort::Tensor& x, const ort::Tensor& w) const {
    if (x.dims.size() != 4 || w.dims.size() != 4)
      throw ort::InvalidArgument("got " + described("X", x) + " and " + described("weights", w) +
                                 ", wanted [N,H,W,C] and [O,kH,kW,C/group]");
    ConvShape shape;
    require_empty(make_shape(attributes_, x.dims.data(), w.dims.data(), &shape));
    return shape;
  }

  // Packing needs some image: one that is large enough for kernel and window.
  ConvShape weight_shape(const ort::Tensor& w) const {
    if (w.dims.size() != 4)
      throw ort::InvalidArgument("got " + described("weights", w) + ", wanted [O,kH,kW,C/group]");
    if (!tensor_fits(w.dims.data()))
      throw ort::InvalidArgument(described("weights", w) + ": too large");
    const ConvAttributes& at = attributes_;
    ort::Tensor x;
    x.dims = {1, w.dims[1] * at.dilations[0] + at.pool_kernel[0] * at.strides[0],
              w.dims[2] * at.dilations[1] + at.pool_kernel[1] * at.strides[1],
              w.dims[3] * at.group};
    return shape(x, w);
  }

  WeightMatrix weights(const ConvShape& s, const ort::Tensor& w) const {
    return rows_of_outputs(w.as<float>(), s.K());
  }

  std::vector<int64_t> conv_dims(const ConvShape& s, const ort::Tensor&) const {
    return {s.N, s.oH, s.oW, s.O};
  }
  std::vector<int64_t> output_dims(const ConvShape& s, const ort::Tensor&) const {
    return {s.N, s.pH, s.pW, s.O};
  }

 private:
  ConvAttributes attributes_;
};

template <ort::ElementType Output>
void infer(const ort::InferContext& context) {
  const std::vector<ort::Dimension> x = context.input(0), w = context.input(1);
  if (x.size() != 4 || w.size() != 4) return;
  const ConvAttributes at = read_attributes(context);
  auto direction = [&](int axis) -> ort::Dimension {
    return {
        pool_output_size(at, axis, conv_output_size(at, axis, x[1 + axis].size, w[1 + axis].size)),
        ""};
  };
  context.set_output(Output, {x[0], direction(0), direction(1), w[0]});
}

}  // namespace spl::images
