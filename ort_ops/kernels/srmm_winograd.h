// SRMM with all outputs computed by Winograd's convolution.
#pragma once

#include <vector>

#include "kernels/conv_srmm.h"
#include "kernels/winograd.h"

namespace spl {

class WinogradSrmm {
 public:
  explicit WinogradSrmm(const SrmmLayer& layer)
      : weights_(layer.shape, layer.w),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  // One image. `finite` says whether all sums are: a value that is not finite spreads over the
  // square of its outputs, and only sums that are formed directly keep it where it belongs.
  Message run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel,
              bool* finite) const;

 private:
  struct Image;
  struct Part;
  struct PlaceSums;

  Message run_tile(const Image& image, const Tile& tile, int64_t group,
                   const Parallel& parallel) const;
  int row_parts(const Image& image, const WinogradInput& input, const Parallel& parallel) const;
  Message run_block(const Image& image, const Tile& tile, int64_t group, const WinogradInput& input,
                    const Part& part) const;
  void multiply(const WinogradInput& input, int64_t group, const Part& part, float* sums,
                int64_t stride) const;
  bool transform_back(const WinogradInput& input, const Part& part, int64_t side,
                      const PlaceSums& sums, const SquareValues& to) const;

  WinogradWeights weights_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

}  // namespace spl
