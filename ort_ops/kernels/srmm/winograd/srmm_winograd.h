// Products of Winograd's convolution in float32.
#pragma once

#include "kernels/srmm/winograd/winograd_driver.h"

namespace spl {

class WinogradFloats {
 public:
  using Input = WinogradInput;
  static constexpr auto kOutput = &MicroKernels::winograd_output;

  static Tiling tiling(const ConvShape& shape) {
    return winograd_tiling(shape, kWinogradTileSquares);
  }
  static Tile first_square(const ConvShape&, const Tile& tile) { return tile; }

  explicit WinogradFloats(const SrmmLayer& layer) : weights_(layer.shape, layer.w, layer.micro) {}
  int blocks() const { return weights_.blocks(); }
  int lane_blocks(int block) const { return weights_.lane_blocks(block); }
  int64_t first_output(int block) const { return weights_.first_output(block); }
  void multiply(const MicroKernels& micro, const WinogradInput& input, int64_t group,
                const winograd::Part& part, float* sums, int64_t stride) const;

 private:
  WinogradWeights weights_;
};

using WinogradSrmm = winograd::WinogradDriver<WinogradFloats>;

}  // namespace spl
