// From the sums of a predictor's tile to the selection: scale, bias, residual, threshold, and the
// place of the highest score in pooling windows.
#pragma once

#include <vector>

#include "kernels/shape/input_tile.h"
#include "kernels/shape/windows.h"

namespace spl {

// What turns sums into scores, for all outputs.
struct ScoreWeights {
  std::vector<float> bias;   // [O] and a lane block of zeros; of float sums already included
  std::vector<float> scale;  // the same; empty for float predictors
  std::vector<int32_t> weight_sums;  // the same
  float threshold;
  bool quantized() const { return !scale.empty(); }
};

struct ScoreTarget {
  const ConvShape& shape;
  const MicroKernels& micro;
  const ResidualReader& residual;
  const ScoreWeights& weights;
  QuantizationMap quantization;
  uint8_t* s;  // [N, pH, pW, O]
};

// Writes the selection of outputs [o, o + count), count <= kMaxScores, of the tile; `sums` (float
// or 32-bit) are those of output `o` and the following ones.
void score_epilogue(const ScoreTarget& target, const Tile& tile, const TileSums& sums, int64_t o,
                    int64_t count);
constexpr int64_t kMaxScores = 128;

}  // namespace spl
