// From the sums of a tile to values: residual, activation, and pooling or the selected place.
#pragma once

#include "kernels/windows.h"

namespace spl {

struct FinishTarget {
  const ConvShape& shape;
  const MicroKernels& micro;
  const ResidualReader& residual;
  const Clamp& clamp;
  const uint8_t* s;  // [N, pH, pW, O], or null = everything is selected
  float* y;          // [N, pH, pW, O]
};

// Writes outputs [o, o + count) of the tile; `sums` are those of output `o`, floats, and of the
// following ones.
void finish_tile(const FinishTarget& target, const Tile& tile, const TileSums& sums, int64_t o,
                 int64_t count);

}  // namespace spl
