// SRMM with all outputs computed and zero inputs skipped (zero_skip.h), image by image. An image
// with few zeros takes the dense way instead; which way an image takes depends on its own zeros
// alone, so that results do not depend on what else is in the batch.
#include <algorithm>

#include "kernels/conv_srmm.h"
#include "kernels/finish_tile.h"
#include "kernels/lazy.h"
#include "kernels/sampling.h"
#include "kernels/selection.h"
#include "kernels/sparse_bands.h"

namespace spl {
namespace {

constexpr int64_t kLongestRow = 112;  // pixels, when rows are joined

class ZeroSkip final : public SrmmMethod {
 public:
  ZeroSkip(const SrmmLayer& layer, bool always)
      : weights_([layer] {
          return std::make_unique<ZeroSkipWeights>(layer.shape, layer.w, layer.micro);
        }),
        always_(always),
        dense_([layer] { return make_dense(layer); }),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  Message run(const ConvShape& given, const SrmmInputs& in,
              const Parallel& parallel) const override {
    if (given.outputs() == 0) return "";
    // With a selection rows stay as they are: messages about it name positions.
    const ConvShape shape = in.s == nullptr ? with_long_rows(given, kLongestRow) : given;
    for (int64_t n = 0; n < shape.N; n++) {
      const ConvShape one = shape.image(n);
      const SrmmInputs image = image_inputs(shape, in, n);
      Message bad;
      if (!always_ &&
          zero_skip_cost(one, sampled_zero_share(shape, image.x, 1), micro_) > dense_cost(one)) {
        bad = dense_.get().run(one, image, parallel);
      } else {
        for (int64_t g = 0; g < shape.at.group && bad.empty(); g++)
          bad = run_group(one, image, g, parallel);
      }
      if (!bad.empty()) return bad;
    }
    return "";
  }

 private:
  // `shape` and `in` of one image.
  Message run_group(const ConvShape& shape, const SrmmInputs& in, int64_t group,
                    const Parallel& parallel) const {
    const ResidualReader residual(shape, in.residual);
    const FinishTarget target{shape, micro_, residual, clamp_, in.s, in.y};
    return run_bands(
        shape, weights_.get(), micro_, 0, parallel,
        [&](SparseImage& image) { image.pack(in.x, 0, group, parallel); },
        [&](const SparseImage& image, const Tile& tile, int block) {
          return run_unit(target, image, tile, group, block);
        });
  }

  Message run_unit(const FinishTarget& target, const SparseImage& image, const Tile& tile,
                   int64_t group, int block) const {
    const ConvShape& shape = target.shape;
    const ZeroSkipWeights& weights = weights_.get();
    const int64_t width = weights.lane_blocks(block) * kLanes, pitch = zero_skip_pitch(shape);
    const int64_t first = weights.first_output(block), o = group * shape.Og() + first;
    const int64_t count = std::min(width, shape.Og() - first);
    if (target.s != nullptr) {
      Message bad = check_codes(shape, micro_, tile, target.s, o, o + count);
      if (!bad.empty()) return bad;
    }
    float* sums = thread_scratch().accumulators.get<float>(
                      static_cast<size_t>((tile.rows * pitch + 4) * width)) +
                  2 * width;
    zero_skip_rows(shape, image, weights, micro_, {group, block, tile.cy0, tile.rows},
                   bias_.data() + o, sums);
    finish_tile(target, tile, {reinterpret_cast<const char*>(sums), width * 4, pitch}, o, count);
    return "";
  }

  Lazy<ZeroSkipWeights> weights_;
  bool always_;
  Lazy<SrmmMethod> dense_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmMethod> make_zero_skip(const SrmmLayer& layer, bool always) {
  return std::make_unique<ZeroSkip>(layer, always);
}

}  // namespace spl
