#include "kernels/srmm/algorithms.h"

#include "kernels/sparse/sparse_image.h"
#include "kernels/srmm/winograd/space_to_depth.h"
#include "kernels/srmm/winograd/winograd.h"

namespace spl {
namespace {

// A slot's channels fill registers; weight rows of outputs are read, so they must be such rows.
bool can_select_1x1(const SrmmLayer& layer, const ConvShape& shape) {
  return layer.w.input_stride == 1 && shape.taps() == 1 && shape.Cg >= kLanes;
}

bool can_select(const SrmmLayer& layer, const ConvShape& shape) {
  return layer.w.input_stride == 1 && !can_select_1x1(layer, shape);
}

bool is_pointwise(const SrmmLayer&, const ConvShape& shape) { return shape.pointwise(); }

bool can_slide(const SrmmLayer&, const ConvShape& shape) {
  return !shape.pointwise() && sparse_image_fits(shape, 1);
}

bool can_always(const SrmmLayer&, const ConvShape&) { return true; }

// Each output sees its own channel only.
bool is_depthwise(const SrmmLayer&, const ConvShape& shape) {
  return shape.at.group > 1 && shape.Cg == 1 && shape.Og() == 1;
}

bool can_winograd(const SrmmLayer&, const ConvShape& shape) { return winograd_suits(shape); }

bool can_space_to_depth(const SrmmLayer&, const ConvShape& shape) {
  return space_to_depth_suits(shape) && winograd_suits(space_to_depth(shape));
}

}  // namespace

const AlgorithmTable& conv_algorithms() {
  constexpr Precision kFloat32 = Precision::kFloat32, kInt8 = Precision::kInt8,
                      kInt8Winograd = Precision::kInt8Winograd;
  // clang-format off
  static const AlgorithmTable table = {
      {"selected", Work::kSelected, kFloat32, can_select, selected_cost, make_selected},
      {"selected_1x1", Work::kSelected, kFloat32, can_select_1x1, selected_cost, make_selected_1x1},
      {"zero_skip", Work::kNonzero, kFloat32, can_slide, zero_skip_cost, make_sliding_skip},
      {"pointwise_zero_skip", Work::kNonzero, kFloat32, is_pointwise, zero_skip_cost, make_pointwise_skip},
      {"direct", Work::kAll, kFloat32, can_always, direct_cost, make_direct},
      {"pointwise", Work::kAll, kFloat32, is_pointwise, pointwise_cost, make_pointwise},
      {"depthwise", Work::kAll, kFloat32, is_depthwise, depthwise_cost, make_depthwise},
      {"winograd", Work::kAll, kFloat32, can_winograd, winograd_cost, make_winograd},
      {"space_to_depth", Work::kAll, kFloat32, can_space_to_depth, space_to_depth_cost, make_space_to_depth},
      {"direct_int8", Work::kAll, kInt8, can_always, direct_int8_cost, make_direct_int8},
      {"depthwise_int8", Work::kAll, kInt8, is_depthwise, depthwise_int8_cost, make_depthwise_int8},
      {"winograd_int8", Work::kAll, kInt8Winograd, can_winograd, winograd_int8_cost, make_winograd_int8},
  };
  // clang-format on
  return table;
}

}  // namespace spl
