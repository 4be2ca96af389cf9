// SRMM on images: exact values of the selected outputs of a convolution with residual, activation
// and max pooling; or of all outputs, with zero inputs skipped. Contract: docs/operators.md.
//
// A matrix product with all outputs is the same computation on an image of one row.
#pragma once

#include <memory>

#include "kernels/chunks.h"
#include "kernels/geometry.h"
#include "kernels/input_tile.h"
#include "kernels/micro.h"
#include "kernels/packed_weights.h"
#include "kernels/residual.h"
#include "kernels/selection.h"
#include "kernels/status.h"

namespace spl {

// How, never what: kAuto takes kSelect with a selection, else skips zeros where there are enough.
enum class Strategy { kAuto, kSelect, kZeroSkip, kDense };

struct SrmmInputs {
  const float* x;         // [N, H, W, C]
  const uint8_t* s;       // [N, pH, pW, O] or null
  Residual residual;      // of [N, oH, oW, O]
  float* y;               // [N, pH, pW, O]
};

class ConvSrmm {
 public:
  // Packs the weights w [O, kH, kW, Cg] and copies the bias b [O] (null = 0). `shape` needs valid
  // weight sizes and attributes only; image sizes are given at each run. `selects` says whether
  // runs will have a selection.
  ConvSrmm(const ConvShape& shape, const float* w, const float* b, const Clamp& clamp,
           Strategy strategy, bool selects, const MicroKernels& micro);

  // All pointers match `shape`, which has the sizes given to the constructor.
  Message run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const;

 private:
  struct Unit;
  Message run_selected(const Unit& unit) const;
  Message run_all_outputs(const Unit& unit) const;
  void accumulate_selected(const Unit& unit, SlotLists* lists, float* const* sums) const;
  void finish_selected(const Unit& unit, int tile, const SlotLists& list, const float* sums) const;
  void accumulate_all(const Unit& unit, const Tile& tile, int first, int last, float* sums) const;
  void finish_all(const Unit& unit, const Tile& tile, int first, int last, const float* sums) const;

  ChunkPlan plan_;
  std::unique_ptr<PackedRows> rows_;        // for selected outputs
  std::unique_ptr<PackedColumns> columns_;  // for all outputs
  std::vector<float> bias_;                 // [O] and padding
  Clamp clamp_;
  Strategy strategy_;
  const MicroKernels& micro_;
};

}  // namespace spl
