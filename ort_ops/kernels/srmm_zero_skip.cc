// SRMM with all outputs computed and zero inputs skipped. Unless that is asked for always, an image
// with few zeros takes the dense way instead; which way an image takes depends on its own zeros
// alone, so that results do not depend on what else is in the batch.
#include "kernels/conv_srmm.h"
#include "kernels/lazy.h"
#include "kernels/run_images.h"
#include "kernels/sampling.h"
#include "kernels/zero_skip.h"

namespace spl {
namespace {

std::unique_ptr<SrmmMethod> make_skip(const SrmmLayer& layer) {
  return layer.shape.pointwise() ? make_pointwise_skip(layer) : make_sliding_skip(layer);
}

class ZeroSkipOrDense final : public SrmmMethod {
 public:
  explicit ZeroSkipOrDense(const SrmmLayer& layer)
      : skip_([layer] { return make_skip(layer); }),
        dense_([layer] { return make_dense(layer); }),
        micro_(layer.micro) {}

  Message run(const ConvShape& shape, const SrmmInputs& in,
              const Parallel& parallel) const override {
    return run_images(shape.N, parallel, [&](int64_t n, const Parallel& threads) {
      const ConvShape one = shape.image(n);
      const SrmmInputs image = image_inputs(shape, in, n);
      const double zeros = sampled_zero_share(one, image.x, 1);
      const bool skips = zero_skip_cost(one, zeros, micro_) < dense_cost(one);
      return (skips ? skip_ : dense_).get().run(one, image, threads);
    });
  }

 private:
  Lazy<SrmmMethod> skip_, dense_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmMethod> make_zero_skip(const SrmmLayer& layer, bool always) {
  if (always) return make_skip(layer);
  return std::make_unique<ZeroSkipOrDense>(layer);
}

}  // namespace spl
