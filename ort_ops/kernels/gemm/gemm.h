// SRMM and SPLPredict on matrices. X [rows, K] is seen as an image of one row, [1, 1, rows, K],
// with 1 x 1 kernels, except where weight rows are read where they lie: those of selected outputs
// from [O, K], those of the non-zero inputs of few rows of X from [K, O].
#pragma once

#include "kernels/predict/conv_predict.h"
#include "kernels/srmm/algorithm_set.h"

namespace spl {

// Shape of a matrix product as an image; `rows` may be 0. Empty message when it fits.
Status make_gemm_shape(int64_t rows, int64_t k, int64_t o, int64_t weights_k, ConvShape* out);

// The algorithms of matrices, then those of images.
const AlgorithmTable& gemm_algorithms();

std::unique_ptr<SrmmAlgorithm> make_gemm_selected(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_gemm_zero_skip(const SrmmLayer& layer);
// Rows of X up to which the second reads less than others compute.
constexpr int64_t kFewRows = 8;

class GemmSrmm {
 public:
  // `w` and `b` must outlive this object.
  GemmSrmm(const ConvShape& shape, const WeightMatrix& w, const float* b, const Clamp& clamp,
           Strategy strategy, bool selects, const MicroKernels& micro,
           Precision precision = Precision::kFloat32);
  Status run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const {
    return algorithms_.run(shape, in, parallel);
  }

 private:
  AlgorithmSet algorithms_;
};

}  // namespace spl
