// SRMM with all outputs computed and zero inputs skipped. Unless that is asked for always, an image
// with few zeros takes the dense way instead, as does one whose padding would take too much memory;
// which way an image takes depends on its own sizes and zeros alone, so that results do not depend
// on what else is in the batch.
#include "kernels/base/lazy.h"
#include "kernels/base/run_images.h"
#include "kernels/sparse/sampling.h"
#include "kernels/sparse/sparse_image.h"
#include "kernels/sparse/zero_skip.h"
#include "kernels/srmm/conv_srmm.h"

namespace spl {
namespace {

std::unique_ptr<SrmmMethod> make_skip(const SrmmLayer& layer) {
  return layer.shape.pointwise() ? make_pointwise_skip(layer) : make_sliding_skip(layer);
}

class ZeroSkipOrDense final : public SrmmMethod {
 public:
  ZeroSkipOrDense(const SrmmLayer& layer, bool always)
      : always_(always),
        skip_([layer] { return make_skip(layer); }),
        dense_([layer] { return make_dense(layer); }),
        micro_(layer.micro) {}

  Message run(const ConvShape& shape, const SrmmInputs& in,
              const Parallel& parallel) const override {
    return run_images(shape.N, parallel, [&](int64_t n, const Parallel& threads) {
      const ConvShape one = shape.image(n);
      const SrmmInputs image = image_inputs(shape, in, n);
      return (skips(one, image.x) ? skip_ : dense_).get().run(one, image, threads);
    });
  }

 private:
  bool skips(const ConvShape& shape, const float* image) const {
    if (!shape.pointwise() && !sparse_image_fits(shape, 1)) return false;
    if (always_) return true;
    const double zeros = sampled_zero_share(shape, image, 1);
    return zero_skip_cost(shape, zeros, micro_) < dense_cost(shape);
  }

  bool always_;
  Lazy<SrmmMethod> skip_, dense_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmMethod> make_zero_skip(const SrmmLayer& layer, bool always) {
  if (always && layer.shape.pointwise()) return make_skip(layer);
  return std::make_unique<ZeroSkipOrDense>(layer, always);
}

}  // namespace spl
