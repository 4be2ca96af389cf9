// SPLPredict on images: scores of all outputs by a cheap predictor, and from them the selection.
// Contract: docs/operators.md. A matrix is an image of one row whose columns are quantised one by
// one.
#pragma once

#include <memory>
#include <vector>

#include "kernels/base/status.h"
#include "kernels/micro/micro.h"
#include "kernels/predict/score_epilogue.h"
#include "kernels/shape/chunks.h"
#include "kernels/shape/geometry.h"
#include "kernels/shape/input_tile.h"
#include "kernels/sparse/zero_skip.h"
#include "kernels/weights/packed_weights.h"

namespace spl {

// Weights of a predictor: float32 (pruned entries are 0), or int8 with a scale per output.
struct PredictorWeights {
  const float* f32 = nullptr;    // [O, kH, kW, Cg]
  const int8_t* i8 = nullptr;    // the same
  const float* scale = nullptr;  // [O], with i8
  const float* bias = nullptr;   // [O]
};

struct PredictInputs {
  const float* x;            // [N, H, W, C]
  Residual residual;         // of [N, oH, oW, O]
  const float* input_scale;  // null = dynamic; else scale and zero point
  uint8_t* s;                // [N, pH, pW, O]
};

class ConvPredict {
 public:
  // `rows`: X is a matrix, so dynamic quantisation goes by column of the image.
  ConvPredict(const ConvShape& shape, const PredictorWeights& weights, bool select_all, bool rows,
              const MicroKernels& micro);
  Status run(const ConvShape& shape, const PredictInputs& in, const Parallel& parallel) const;

 private:
  struct Unit;
  Status run_dense(const ConvShape& shape, const PredictInputs& in,
                   const std::vector<Quantization>& quantization, int64_t n0, int64_t n1,
                   const Parallel& parallel) const;
  Status run_sparse(const ConvShape& shape, const PredictInputs& in,
                    const std::vector<Quantization>& quantization, int64_t n,
                    const Parallel& parallel) const;
  void run_unit(const Unit& unit) const;
  void accumulate_floats(const Unit& unit, int first, int last, float* sums) const;
  void accumulate_units(const Unit& unit, int first, int last, int32_t* sums) const;

  ChunkPlan plan_;
  std::unique_ptr<PackedColumns> columns_;
  std::unique_ptr<ZeroSkipWeights> sparse_;  // where units may be skipped
  ScoreWeights scores_;
  bool rows_;
  const MicroKernels& micro_;
};

}  // namespace spl
