#include "kernels/gemm/gemm.h"

#include <algorithm>

namespace spl {
namespace {

bool has_rows_of_outputs(const SrmmLayer& layer, const ConvShape&) {
  return layer.w.input_stride == 1;
}

bool has_few_rows(const SrmmLayer&, const ConvShape& shape) { return shape.W <= kFewRows; }

// Both read the weights they need once, and no others: nothing else comes near where they can run.
double never_dearer(const ConvShape&, const ImageLook&, const MicroKernels&) { return 0; }

}  // namespace

const AlgorithmTable& gemm_algorithms() {
  static const AlgorithmTable table = [] {
    AlgorithmTable all = {
        {"gemm_selected", Work::kSelected, Precision::kFloat32, has_rows_of_outputs, never_dearer,
         make_gemm_selected},
        {"gemm_zero_skip", Work::kNonzero, Precision::kFloat32, has_few_rows, never_dearer,
         make_gemm_zero_skip},
    };
    const AlgorithmTable& images = conv_algorithms();
    all.insert(all.end(), images.begin(), images.end());
    return all;
  }();
  return table;
}

Status make_gemm_shape(int64_t rows, int64_t k, int64_t o, int64_t weights_k, ConvShape* out) {
  const int64_t x[4] = {1, 1, std::max<int64_t>(rows, 1), k}, w[4] = {o, 1, 1, weights_k};
  Status message = make_shape(ConvAttributes(), x, w, out);
  out->W = out->oW = out->pW = rows;
  return message;
}

GemmSrmm::GemmSrmm(const ConvShape& shape, const WeightMatrix& w, const float* b,
                   const Clamp& clamp, Strategy strategy, bool selects, const MicroKernels& micro,
                   Precision precision)
    : algorithms_(gemm_algorithms(), {shape, w, b, clamp, micro, precision, true}, strategy,
                  selects) {
  // Most models run one row at a time: pack for it at creation rather than at the first run.
  const ConvShape row = shape.image(0);
  algorithms_.prepare(row, ImageLook(row, 0, 1, micro));
}

}  // namespace spl
