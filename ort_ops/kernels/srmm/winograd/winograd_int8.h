// Products of Winograd's convolution in 8 bits, without calibration: the transformed input has a
// scale for each square and place, found while it is transformed; the transformed weights have one
// for each place and output. The error is that of direct sums in 8 bits (docs/operators.md).
//
// Scales of the transformed domain that are fixed beforehand, as in LoWino (Li, Jia, Feng, Wang,
// ICPP 2021) need calibration, and lose accuracy with these tiles without training.
#pragma once

#include <vector>

#include "kernels/srmm/winograd/winograd_driver.h"

namespace spl {

// The transformed input of one tile and group: 36 matrices of units [squares][channels], each value
// plus 128, and their scales.
class WinogradInt8Input {
 public:
  WinogradInt8Input(const ConvShape& shape, const Tile& tile, int64_t group,
                    const MicroKernels& micro);
  int high() const { return high_; }  // squares
  int wide() const { return wide_; }
  int squares() const { return high_ * wide_; }
  int units() const { return units_; }
  // Transforms row `row` of squares; rows may be done side by side. False when a value is not
  // finite.
  bool transform_row(const SrmmInputs& in, int row) const;
  TileView view(int place) const;
  const float* scales(int place) const { return scales_ + place * squares(); }

 private:
  template <class T, class Transform>
  bool each_square(const T* x, int row, const T* padding, Transform transform) const;

  const ConvShape& shape_;
  const Tile tile_;
  int64_t group_;
  const MicroKernels& micro_;
  int side_, high_, wide_, units_;
  int64_t pitch_, stride_;  // bytes between squares and between places
  char* data_;
  float* scales_;
  char* zeros_;  // a pixel of padding, in floats or bytes
  int64_t* slot_offset_;
};

class WinogradInt8 {
 public:
  using Input = WinogradInt8Input;
  static constexpr auto kOutput = &MicroKernels::winograd_output_once;

  // Squares lie where they lie without tiles: their numbers depend on what they hold.
  static Tiling tiling(const ConvShape& shape);
  static Tile first_square(const ConvShape& shape, const Tile& tile);

  explicit WinogradInt8(const SrmmLayer& layer);
  int blocks() const { return static_cast<int>(lanes_.size()); }  // per group
  int lane_blocks(int block) const { return lanes_[block]; }
  int64_t first_output(int block) const { return first_lane_[block] * kLanes; }
  void multiply(const MicroKernels& micro, const Input& input, int64_t group,
                const winograd::Part& part, float* sums, int64_t stride) const;

 private:
  // What is made on the way: values of an output, its places, and the levels of a lane block.
  struct Room {
    explicit Room(const ConvShape& shape);
    std::vector<float> row;
    std::vector<double> places;
    std::vector<int8_t> levels;
  };
  // Transforms and quantises the outputs of a block from `lane` on, a lane block of them.
  void pack(const SrmmLayer& layer, int64_t group, int block, int lane, Room* room);
  // Index of output 0 of a block and place in scale_ and begin_, of all groups.
  int64_t first_sum(int64_t group, int block, int place) const {
    return ((group * lane_blocks_ + first_lane_[block]) * kWinogradPositions +
            static_cast<int64_t>(place) * lanes_[block]) *
           kLanes;
  }

  int units_;
  int64_t lane_blocks_;  // per group
  std::vector<int> lanes_;
  std::vector<int64_t> first_lane_;
  Buffer data_;  // [group][block][place][unit][16 * lane blocks], 4 bytes each
  char* base_;
  std::vector<float> scale_;    // as data_, without units
  std::vector<int32_t> begin_;  // what the 128 in the input add, taken away
};

}  // namespace spl
