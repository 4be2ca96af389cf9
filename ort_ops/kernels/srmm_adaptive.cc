// SRMM with a selection, in the way that each image's own counts promise to be the faster one:
// selected dot products, or all outputs with zero inputs skipped. A plan that expected few selected
// outputs then costs little on data that has many. What an image takes depends on that image alone,
// so that results do not depend on what else is in the batch.
#include <algorithm>
#include <vector>

#include "kernels/conv_srmm.h"
#include "kernels/lazy.h"
#include "kernels/sampling.h"
#include "kernels/zero_skip.h"

namespace spl {
namespace {

// Time relative to dense work, fitted to measurements (docs/benchmarks.md): d = share of outputs
// selected, z = share of zero inputs.
double selected_cost(double d) { return 0.05 + 1.3 * d; }
double zero_skip_cost(double z) { return 0.06 + 1.15 * (1 - z); }
// Below this share no zero share could make the other way faster by much; saves looking at the
// input.
constexpr double kSurelySelect = 0.2;

class Adaptive final : public SrmmMethod {
 public:
  Adaptive(const SrmmLayer& layer, std::unique_ptr<SrmmMethod> selected)
      : selected_(std::move(selected)),
        zero_skip_([layer] { return make_zero_skip(layer, false); }),
        micro_(layer.micro) {}

  Message run(const ConvShape& shape, const SrmmInputs& in,
              const Parallel& parallel) const override {
    std::vector<bool> skip(static_cast<size_t>(shape.N));
    for (int64_t n = 0; n < shape.N; n++)
      skip[n] = prefers_zero_skip(shape, image_inputs(shape, in, n));
    if (std::find(skip.begin(), skip.end(), true) == skip.end())
      return selected_->run(shape, in, parallel);
    for (int64_t n = 0; n < shape.N; n++) {
      const SrmmMethod& method = skip[n] ? zero_skip_.get() : *selected_;
      Message bad = method.run(shape.image(n), image_inputs(shape, in, n), parallel);
      if (!bad.empty()) return bad;
    }
    return "";
  }

 private:
  bool prefers_zero_skip(const ConvShape& shape, const SrmmInputs& image) const {
    const double d = selected_share(shape, image.s, micro_);
    if (d < kSurelySelect) return false;
    return zero_skip_cost(sampled_zero_share(shape, image.x, 1)) < selected_cost(d);
  }

  std::unique_ptr<SrmmMethod> selected_;
  Lazy<SrmmMethod> zero_skip_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmMethod> make_adaptive(const SrmmLayer& layer,
                                          std::unique_ptr<SrmmMethod> selected) {
  return std::make_unique<Adaptive>(layer, std::move(selected));
}

}  // namespace spl
