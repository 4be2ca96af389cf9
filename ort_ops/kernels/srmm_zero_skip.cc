// SRMM with all outputs computed and zero inputs skipped (zero_skip.h), image by image. An image
// with few zeros takes the dense way instead; which way an image takes depends on its own zeros
// alone, so that results do not depend on what else is in the batch.
#include <algorithm>

#include "kernels/conv_srmm.h"
#include "kernels/finish_tile.h"
#include "kernels/lazy.h"
#include "kernels/selection.h"
#include "kernels/zero_skip.h"

namespace spl {
namespace {

// Share of non-zero inputs above which dense work is faster.
constexpr double kDenseAbove = 0.85;
// Sums of a band of rows of one block of outputs wait in the second-level cache.
constexpr int64_t kBandFloats = 48 << 10;

constexpr int64_t kLongestRow = 112;  // pixels, when rows are joined

class ZeroSkip final : public SrmmMethod {
 public:
  ZeroSkip(const SrmmLayer& layer, bool always)
      : weights_(layer.shape, layer.w, layer.micro),
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
    SparseImage image(shape, weights_.per_element(), weights_.step(), micro_);
    for (int64_t n = 0; n < shape.N; n++)
      for (int64_t g = 0; g < shape.at.group; g++) {
        image.pack(in.x, n, g, parallel);
        const bool few_zeros = static_cast<double>(image.nonzeros()) >
                               kDenseAbove * static_cast<double>(image.elements());
        const bool dense = few_zeros && !always_;
        ConvShape one = shape;
        one.N = 1;
        Message bad = dense ? dense_.get().run(one, image_inputs(shape, in, n), parallel)
                            : run_image(shape, in, image, n, g, parallel);
        if (!bad.empty()) return bad;
        if (dense) break;  // it did all groups
      }
    return "";
  }

 private:
  Message run_image(const ConvShape& shape, const SrmmInputs& in, const SparseImage& image,
                    int64_t n, int64_t group, const Parallel& parallel) const {
    const ResidualReader residual(shape, in.residual);
    const FinishTarget target{shape, micro_, residual, clamp_, in.s, in.y};
    const int64_t row = zero_skip_pitch(shape) * weights_.widest();
    const int64_t bands_wanted = (wanted_units() + weights_.blocks() - 1) / weights_.blocks();
    const RowBands bands(shape, std::max<int64_t>(1, kBandFloats / row), bands_wanted);
    return run_all(parallel, static_cast<size_t>(bands.count() * weights_.blocks()), [&](size_t i) {
      const int block = static_cast<int>(static_cast<int64_t>(i) % weights_.blocks());
      const Tile tile = bands.tile(static_cast<int64_t>(i) / weights_.blocks(), n);
      return tile.rows == 0 ? Message() : run_unit(target, image, tile, group, block);
    });
  }

  Message run_unit(const FinishTarget& target, const SparseImage& image, const Tile& tile,
                   int64_t group, int block) const {
    const ConvShape& shape = target.shape;
    const int64_t width = weights_.lane_blocks(block) * kLanes, pitch = zero_skip_pitch(shape);
    const int64_t first = weights_.first_output(block), o = group * shape.Og() + first;
    const int64_t count = std::min(width, shape.Og() - first);
    if (target.s != nullptr) {
      Message bad = check_codes(shape, micro_, tile, target.s, o, o + count);
      if (!bad.empty()) return bad;
    }
    float* sums = thread_scratch().accumulators.get<float>(
                      static_cast<size_t>((tile.rows * pitch + 4) * width)) +
                  2 * width;
    zero_skip_rows(shape, image, weights_, micro_, {group, block, tile.cy0, tile.rows},
                   bias_.data() + o, sums);
    finish_tile(target, tile, {reinterpret_cast<const char*>(sums), width * 4, pitch}, o, count);
    return "";
  }

  ZeroSkipWeights weights_;
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
