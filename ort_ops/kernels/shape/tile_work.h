// Runs work over all tiles of some images, their groups and ranges of outputs, on the given
// threads.
#pragma once

#include "kernels/base/status.h"
#include "kernels/shape/tiles.h"

namespace spl {

// A unit of work: outputs [o0, o1) of the group, in one tile.
struct TileWork {
  Tile tile;
  int64_t group, o0, o1;
};

// fn(work) -> Status for images [n0, n1). Ranges of outputs begin at multiples of `granule`.
template <class F>
Status run_tiles(const ConvShape& shape, const Tiling& tiling, int64_t n0, int64_t n1,
                 int64_t granule, const Parallel& parallel, F&& fn) {
  const int64_t tiles = (n1 - n0) * tiling.per_image();
  const std::vector<int64_t> ranges =
      split_outputs(shape.Og(), granule, tiles * shape.at.group, wanted_units(parallel));
  const int64_t count = static_cast<int64_t>(ranges.size()) - 1;
  return run_all(parallel, static_cast<size_t>(tiles * shape.at.group * count), [&](size_t i) {
    const int64_t range = static_cast<int64_t>(i) % count, at = static_cast<int64_t>(i) / count;
    const Tile tile = tiling.tile(n0 * tiling.per_image() + at % tiles);
    if (tile.rows == 0) return Status();
    return fn(TileWork{tile, at / tiles, ranges[range], ranges[range + 1]});
  });
}

}  // namespace spl
