#include "kernels/predict/score_epilogue.h"

#include <algorithm>

namespace spl {
namespace {

// Correction and scale of some outputs under one quantisation of the input.
class Scores {
 public:
  Scores(const ScoreWeights& weights, int64_t o, int64_t count)
      : weights_(weights), o_(o), count_(count) {}

  ScoreView under(const Quantization& q) {
    for (int64_t l = 0; current_ != &q && l < count_; l++) {
      correction_[l] = static_cast<int32_t>(q.zero) * weights_.weight_sums[o_ + l];
      scale_[l] = q.scale * weights_.scale[o_ + l];
    }
    current_ = &q;
    return {correction_, scale_, weights_.bias.data() + o_};
  }

 private:
  const ScoreWeights& weights_;
  const int64_t o_, count_;
  const Quantization* current_ = nullptr;
  int32_t correction_[kMaxScores] = {};
  float scale_[kMaxScores] = {};
};

void epilogue_rows(const ScoreTarget& t, const Tile& tile, const TileSums& sums, int64_t o,
                   int64_t count) {
  Scores scores(t.weights, o, count);
  visit_rows(t.shape, tile, t.residual, sums, o, count, [&](const Run& run, int64_t at) {
    if (t.weights.quantized())
      t.micro.select_units_run(run, scores.under(t.quantization.of(tile.n, 0)), t.weights.threshold,
                               t.s + at);
    else
      t.micro.select_sums_run(run, t.weights.threshold, t.s + at);
  });
}

}  // namespace

void score_epilogue(const ScoreTarget& t, const Tile& tile, const TileSums& sums, int64_t o,
                    int64_t count) {
  if (!t.shape.pooled() && t.residual.by_rows() && !t.quantization.per_column) {
    epilogue_rows(t, tile, sums, o, count);
    return;
  }
  WindowVisitor windows(t.shape, tile, t.residual);
  Scores scores(t.weights, o, count);
  windows.visit(sums, o, count, [&](const WindowView& window, int64_t at, int64_t px) {
    if (t.weights.quantized())
      t.micro.argmax_units(window, scores.under(t.quantization.of(tile.n, px)), t.weights.threshold,
                           t.s + at);
    else
      t.micro.argmax_sums(window, t.weights.threshold, t.s + at);
  });
}

}  // namespace spl
