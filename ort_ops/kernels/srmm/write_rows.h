// Sums of a tile that become values in the registers of the last chunk (EpilogueTarget::fused).
#pragma once

#include "kernels/srmm/epilogue.h"
#include "kernels/weights/packed_weights.h"

namespace spl {

// Where the values of row `row` of the tile go, from output `o` on. Sums begin at `bias` in the
// only chunk, and otherwise at `sums` [slots][width].
inline ValueRows value_rows(const EpilogueTarget& target, const Tile& tile, int64_t row, int64_t o,
                            const float* bias, const float* sums, int64_t width) {
  const ConvShape& shape = target.shape;
  const int64_t at = ((tile.n * shape.oH + tile.cy0 + row) * shape.oW + tile.cx0) * shape.O + o;
  return {sums == nullptr ? bias : sums + row * tile.columns * width,
          sums == nullptr ? 0 : width,
          target.residual.active() ? target.residual.tensor() + at : nullptr,
          target.y.floats + at,
          shape.O,
          target.clamp};
}

// Adds the last chunk `part` to `sums` (null when it is the only one: they begin at the bias).
// `view` is that of the first row; the slots of a row lie side by side.
inline void write_rows(const EpilogueTarget& target, const PackedColumns& columns, TileView view,
                       const PackedColumns::Part& part, const Tile& tile, int64_t o,
                       const float* bias, const float* sums, bool fetch) {
  const int64_t width = columns.lane_blocks(part.block) * kLanes;
  for (int64_t row = 0; row < tile.rows; row++, view.slot_offset += tile.columns)
    columns.values(target.micro, view, part, tile.columns,
                   value_rows(target, tile, row, o, bias, sums, width), fetch && row == 0);
}

}  // namespace spl
