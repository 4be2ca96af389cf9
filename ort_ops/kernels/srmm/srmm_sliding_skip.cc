// SRMM with all outputs computed and zero inputs skipped (zero_skip.h), image by image and band by
// band.
#include <algorithm>

#include "kernels/base/run_images.h"
#include "kernels/sparse/sparse_bands.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/epilogue.h"
#include "kernels/srmm/selection.h"

namespace spl {
namespace {

class SlidingSkip final : public SrmmAlgorithm {
 public:
  explicit SlidingSkip(const SrmmLayer& layer)
      : weights_(layer.shape, layer.w, layer.micro),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  Status run(const ConvShape& shape, const SrmmInputs& in,
             const Parallel& parallel) const override {
    return run_images(shape.N, parallel, [&](int64_t n, const Parallel& threads) {
      const ConvShape one = shape.image(n);
      Status bad;
      for (int64_t g = 0; g < shape.at.group && bad.empty(); g++)
        bad = run_group(one, image_inputs(shape, in, n), g, threads);
      return bad;
    });
  }

 private:
  // `shape` and `in` of one image.
  Status run_group(const ConvShape& shape, const SrmmInputs& in, int64_t group,
                   const Parallel& parallel) const {
    const ResidualReader residual(shape, in.residual);
    const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
    return run_bands(
        shape, weights_, micro_, 0, parallel,
        [&](SparseImage& image) { image.pack(in.x, 0, group, parallel); },
        [&](const SparseImage& image, const Tile& tile, int block) {
          return run_unit(target, image, tile, group, block);
        });
  }

  Status run_unit(const EpilogueTarget& target, const SparseImage& image, const Tile& tile,
                  int64_t group, int block) const {
    const ConvShape& shape = target.shape;
    const int64_t width = weights_.lane_blocks(block) * kLanes, pitch = zero_skip_pitch(shape);
    const int64_t first = weights_.first_output(block), o = group * shape.Og() + first;
    const int64_t count = std::min(width, shape.Og() - first);
    if (target.s != nullptr) {
      Status bad = check_codes(shape, micro_, tile, target.s, o, o + count);
      if (!bad.empty()) return bad;
    }
    float* sums = thread_scratch().accumulators.get<float>(
                      static_cast<size_t>((tile.rows * pitch + 4) * width)) +
                  2 * width;
    zero_skip_rows(shape, image, weights_, micro_, {group, block, tile.cy0, tile.rows},
                   bias_.data() + o, sums);
    epilogue(target, tile, {reinterpret_cast<const char*>(sums), width * 4, pitch}, o, count);
    return "";
  }

  ZeroSkipWeights weights_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_sliding_skip(const SrmmLayer& layer) {
  return std::make_unique<SlidingSkip>(layer);
}

}  // namespace spl
