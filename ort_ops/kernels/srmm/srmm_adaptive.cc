// SRMM with a selection, in the way that each image's own counts promise to be the faster one:
// selected dot products, or all outputs, with zero inputs skipped or not. A plan that expected few
// selected outputs then costs little on data that has many. What an image takes depends on that
// image alone, so that results do not depend on what else is in the batch.
#include <algorithm>
#include <vector>

#include "kernels/base/lazy.h"
#include "kernels/base/run_images.h"
#include "kernels/sparse/sampling.h"
#include "kernels/sparse/zero_skip.h"
#include "kernels/srmm/conv_srmm.h"

namespace spl {
namespace {

// Time of selected dot products relative to ONNX Runtime's dense work, for a share `d` of selected
// outputs. The lists and the scattering of results cost the same for short and long products.
// Fitted to measurements (docs/benchmarks.md).
double selected_cost(const ConvShape& shape, double d) {
  constexpr double kBookkeeping = 70;  // multiply-adds per output
  const bool one_tap = shape.taps() == 1;
  return (one_tap ? 0.2 : 0.1) + kBookkeeping / static_cast<double>(shape.K()) +
         (one_tap ? 1.65 : 1.35) * d;
}

class Adaptive final : public SrmmMethod {
 public:
  Adaptive(const SrmmLayer& layer, std::unique_ptr<SrmmMethod> selected)
      : selected_(std::move(selected)),
        all_outputs_([layer] { return make_zero_skip(layer, false); }),
        micro_(layer.micro) {}

  Message run(const ConvShape& shape, const SrmmInputs& in,
              const Parallel& parallel) const override {
    std::vector<bool> all(static_cast<size_t>(shape.N));
    for (int64_t n = 0; n < shape.N; n++) all[n] = prefers_all(shape, image_inputs(shape, in, n));
    if (std::find(all.begin(), all.end(), true) == all.end())
      return selected_->run(shape, in, parallel);
    return run_images(shape.N, parallel, [&](int64_t n, const Parallel& threads) {
      const SrmmMethod& method = all[n] ? all_outputs_.get() : *selected_;
      return method.run(shape.image(n), image_inputs(shape, in, n), threads);
    });
  }

 private:
  bool prefers_all(const ConvShape& shape, const SrmmInputs& image) const {
    const double selected = selected_cost(shape, selected_share(shape, image.s, micro_));
    if (dense_cost(shape) < selected) return true;
    return zero_skip_cost(shape, sampled_zero_share(shape, image.x, 1), micro_) < selected;
  }

  std::unique_ptr<SrmmMethod> selected_;
  Lazy<SrmmMethod> all_outputs_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmMethod> make_adaptive(const SrmmLayer& layer,
                                          std::unique_ptr<SrmmMethod> selected) {
  return std::make_unique<Adaptive>(layer, std::move(selected));
}

}  // namespace spl
