// SRMM and SPLPredict on matrices. X [rows, K] is seen as an image of one row, [1, 1, rows, K],
// with 1 x 1 kernels, except where weight rows are read where they lie: those of selected outputs
// from [O, K], those of the non-zero inputs of few rows of X from [K, O].
#pragma once

#include <memory>

#include "kernels/base/lazy.h"
#include "kernels/gemm/gemm_zero_skip.h"
#include "kernels/predict/conv_predict.h"
#include "kernels/srmm/conv_srmm.h"

namespace spl {

// Shape of a matrix product as an image; `rows` may be 0. Empty message when it fits.
Message make_gemm_shape(int64_t rows, int64_t k, int64_t o, int64_t weights_k, ConvShape* out);

class GemmSrmm {
 public:
  // `w` and `b` must outlive this object.
  GemmSrmm(const ConvShape& shape, const WeightMatrix& w, const float* b, const Clamp& clamp,
           Strategy strategy, bool selects, const MicroKernels& micro);
  Message run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const;

 private:
  Message run_rows(const ConvShape& shape, const SrmmInputs& in, int64_t o0, int64_t o1) const;
  void finish_row(const ConvShape& shape, const SrmmInputs& in, const ResidualReader& reader,
                  int64_t row, int64_t o0, int64_t o1, const float* values) const;

  WeightMatrix w_;
  std::vector<float> bias_;
  Clamp clamp_;
  bool by_rows_;  // selected outputs, their weight rows in place
  bool skips_;    // few rows of X take few_rows_
  Lazy<GemmZeroSkip> few_rows_;
  Lazy<ConvSrmm> all_outputs_;
  const MicroKernels& micro_;
};

}  // namespace spl
