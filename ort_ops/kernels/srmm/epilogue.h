// From the sums of a tile to values: residual, activation, and pooling or the selected place.
#pragma once

#include "kernels/shape/windows.h"

namespace spl {

// Whether bytes clip as the clamp does: they begin at 0, as ReLU's values, and end at or below its
// upper bound, if it has one.
bool clipped_by_bytes(const Target& y, const Clamp& clamp);

struct EpilogueTarget {
  const ConvShape& shape;
  const MicroKernels& micro;
  const ResidualReader& residual;
  const Clamp& clamp;
  const uint8_t* s;  // [N, pH, pW, O], or null = everything is selected
  Target y;          // [N, pH, pW, O]

  // Whether sums of `count` outputs in `width` lanes can become values where they are formed,
  // without a pass of their own: nothing is pooled or selected, and whole lane blocks are written.
  bool fused(int64_t count, int64_t width) const {
    return !shape.pooled() && s == nullptr && residual.by_rows() && count == width;
  }
  bool clipped_by_bytes() const { return spl::clipped_by_bytes(y, clamp); }
  // Whether sums may become bytes where they are formed, and be pooled as such: the larger of two
  // numbers has the larger byte, and there is a quarter to read and write.
  bool bytes_first() const { return y.bytes != nullptr && s == nullptr && !residual.active(); }
};

// Outputs of a tile as bytes before they are pooled: that of row r, column c and channel o + i is
// base[(r * row_slots + c) * width + i].
struct TileBytes {
  const uint8_t* base;
  int64_t width, row_slots;
};

// The same from bytes: the largest of each window, or all of them (EpilogueTarget::bytes_first).
void epilogue_of_bytes(const EpilogueTarget& target, const Tile& tile, const TileBytes& bytes,
                       int64_t o, int64_t count);

// Writes outputs [o, o + count) of the tile; `sums` are those of output `o`, floats, and of the
// following ones.
void epilogue(const EpilogueTarget& target, const Tile& tile, const TileSums& sums, int64_t o,
              int64_t count);

}  // namespace spl
