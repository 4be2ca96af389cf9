// SRMM with all outputs computed by Winograd's convolution.
#pragma once

#include <vector>

#include "kernels/base/run_images.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/winograd.h"

namespace spl {

// run_image(shape, inputs, threads, &finite) -> Message for each image. One whose sums are not all
// finite is computed again with direct sums: such a value spreads over the square of its outputs,
// and only they keep it where it belongs.
template <class F>
Message run_finite_images(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel,
                          const std::function<const SrmmAlgorithm&()>& direct, F&& run_image) {
  return run_images(shape.N, parallel, [&](int64_t n, const Parallel& threads) {
    const ConvShape one = shape.image(n);
    const SrmmInputs image = image_inputs(shape, in, n);
    bool finite = true;
    Message bad = run_image(one, image, threads, &finite);
    if (bad.empty() && !finite) bad = direct().run(one, image, threads);
    return bad;
  });
}

class WinogradSrmm {
 public:
  explicit WinogradSrmm(const SrmmLayer& layer)
      : weights_(layer.shape, layer.w),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  // One image. `finite` says whether all sums are.
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
