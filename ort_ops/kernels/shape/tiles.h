// Cutting the output of a layer into units of work.
//
// A tile is a rectangle of (pooled) outputs of one image together with the rectangle of convolution
// outputs its windows reach; these are its slots, numbered row by row. Neighbouring tiles of
// overlapping windows share some convolution outputs, which are then computed twice.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/parallel.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"

namespace spl {

struct Tile {
  int64_t n;                   // image
  int64_t py0, py1, px0, px1;  // pooled outputs
  int64_t cy0, cx0;            // first convolution output
  int rows, columns;           // of convolution outputs
  int64_t slots() const { return int64_t{rows} * columns; }
};

// Tiles of one image.
class Tiling {
 public:
  // At most `max_slots` slots in a tile and `max_columns` in a row of it (more only when a single
  // window has more).
  Tiling(const ConvShape& shape, int max_slots, int max_columns);
  // Tiles of high x wide pooled outputs, made equal; or of exactly so many but for the last.
  static Tiling of(const ConvShape& shape, int64_t high, int64_t wide) {
    Tiling tiling = exactly(shape, high, wide);
    tiling.make_equal();
    return tiling;
  }
  static Tiling exactly(const ConvShape& shape, int64_t high, int64_t wide) {
    return Tiling(shape, high, wide);
  }
  int64_t per_image() const { return tiles_y_ * tiles_x_; }
  Tile tile(int64_t index) const;  // index in [0, N * per_image)

 private:
  Tiling(const ConvShape& shape, int64_t high, int64_t wide);
  void make_equal();

  const ConvShape& shape_;
  int64_t high_, wide_;  // pooled outputs in a tile
  int64_t tiles_y_, tiles_x_;
};

// Tiles as wide as the image, for work that runs along rows.
class RowBands {
 public:
  // At most `most_rows` convolution rows in a band (more only when a single window has more), and
  // at least `wanted` bands where the image is high enough.
  RowBands(const ConvShape& shape, int64_t most_rows, int64_t wanted);
  int64_t count() const { return count_; }
  Tile tile(int64_t index, int64_t n) const;

 private:
  const ConvShape& shape_;
  int64_t high_, count_;
};

// The slots of the window of pooled output (py, px), in row-major order; -1 in the padding.
void window_slots(const ConvShape& shape, const Tile& tile, int64_t py, int64_t px, int64_t* slots);

// Units of work worth making: enough to balance the threads that were seen, as few as possible
// otherwise, because units share weights; never so few that further threads would stay unseen.
int64_t wanted_units(const Parallel& parallel);

// Splits `outputs` channels into ranges of whole `granule`s so that `others` x ranges is at least
// `wanted` units, as far as possible. Returns the first channel of each range, and the end.
std::vector<int64_t> split_outputs(int64_t outputs, int64_t granule, int64_t others,
                                   int64_t wanted);

}  // namespace spl
