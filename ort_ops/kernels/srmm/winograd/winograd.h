// Winograd's convolution for square kernels of 2 to 5: dense work with 2.8 to 4 times fewer
// multiplications, and no regard to zeros. 6 x 6 inputs of a channel are transformed once,
// multiplied place by place with transformed weights (36 matrix products), and the sums transformed
// back to a square of outputs (4 x 4 for 3 x 3 kernels).
//
// S. Winograd, "Arithmetic complexity of computations", 1980; A. Lavin and S. Gray, "Fast
// algorithms for convolutional neural networks", CVPR 2016. Rounding errors are about twice those
// of direct sums (docs/operators.md).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/scratch.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"
#include "kernels/shape/tiles.h"
#include "kernels/srmm/algorithm.h"
#include "kernels/weights/weight_matrix.h"

namespace spl {

// Whether it can be done so.
bool winograd_suits(const ConvShape& shape);
// Whether the transformed weights stay in the second-level cache.
bool winograd_weights_near(const ConvShape& shape);

// Squares of a tile: enough to read the weights, which come from the third-level cache, seldom, and
// few enough for sums and transformed input of a place to stay in the second.
constexpr int64_t kWinogradTileSquares = 64;

// Outputs of one side of a transformed square.
inline int winograd_side(const ConvShape& shape) {
  return kWinogradSide + 1 - static_cast<int>(shape.kH);
}

// Transformed weights [group][block][place][channel][16 * lane blocks of the block].
class WinogradWeights {
 public:
  WinogradWeights(const ConvShape& shape, const WeightMatrix& w, const MicroKernels& micro);
  int blocks() const { return static_cast<int>(lanes_.size()); }  // per group
  int lane_blocks(int block) const { return lanes_[block]; }
  int64_t first_output(int block) const { return first_lane_[block] * kLanes; }
  const float* place(int64_t group, int block, int place) const {
    return base_ + ((group * lane_blocks_ + first_lane_[block]) * kWinogradPositions +
                    static_cast<int64_t>(place) * lanes_[block]) *
                       channels_ * kLanes;
  }

 private:
  int64_t channels_, lane_blocks_;  // per group
  std::vector<int> lanes_;
  std::vector<int64_t> first_lane_;
  Buffer data_;
  float* base_;
};

// Tiles of an image that leave as few squares unfilled at their borders as possible.
Tiling winograd_tiling(const ConvShape& shape, int64_t most_squares);

// The 6 x 6 pixels of an image, from (y0, x0) on; `zeros` [channels of a group] beyond its borders.
template <class T>
void winograd_pixels(const ConvShape& shape, const T* image, int64_t y0, int64_t x0, const T* zeros,
                     const T** pixels) {
  const bool inside =
      y0 >= 0 && x0 >= 0 && y0 + kWinogradSide <= shape.H && x0 + kWinogradSide <= shape.W;
  for (int64_t y = y0; y < y0 + kWinogradSide; y++)
    for (int64_t x = x0; x < x0 + kWinogradSide; x++) {
      const bool real = inside || (y >= 0 && x >= 0 && y < shape.H && x < shape.W);
      *pixels++ = real ? image + (y * shape.W + x) * shape.C : zeros;
    }
}

// Lane blocks of outputs that are multiplied together, for each block of a group: four, an even
// number of blocks where there are several, so that two threads get as many; three are as fast.
std::vector<int> winograd_blocks(int64_t lane_blocks);

// The transformed input of one tile and group: 36 matrices [squares][channels].
class WinogradInput {
 public:
  WinogradInput(const ConvShape& shape, const Tile& tile, int64_t group, const MicroKernels& micro);
  int high() const { return high_; }  // squares
  int wide() const { return wide_; }
  int squares() const { return high_ * wide_; }
  int channels() const { return static_cast<int>(shape_.Cg); }
  // Transforms row `row` of squares; rows may be done side by side. What is not finite is found in
  // the sums.
  bool transform_row(const SrmmInputs& in, int row) const;
  TileView view(int place) const;

 private:
  const ConvShape& shape_;
  const Tile tile_;
  int64_t group_;
  const MicroKernels& micro_;
  int side_, high_, wide_;
  int64_t pitch_, stride_;  // floats between squares and between places
  float* data_;
  float* zeros_;
  int64_t* slot_offset_;
};

}  // namespace spl
