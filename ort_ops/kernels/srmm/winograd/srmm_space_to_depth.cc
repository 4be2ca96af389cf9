// SRMM with all outputs of a convolution with a stride computed by Winograd's convolution, squares
// of pixels seen as channels.
#include "kernels/base/scratch.h"
#include "kernels/srmm/winograd/space_to_depth.h"
#include "kernels/srmm/winograd/srmm_winograd.h"

namespace spl {
namespace {

class SpaceToDepth final : public SrmmAlgorithm {
 public:
  explicit SpaceToDepth(const SrmmLayer& layer)
      : weights_(space_to_depth(layer.shape, layer.w)),
        fewer_(deep_layer(layer)),
        direct_(layer.direct) {
    weights_ = {};
  }

  Status run(const ConvShape& shape, const SrmmInputs& in,
             const Parallel& parallel) const override {
    return run_finite_images(
        shape, in, parallel, direct_,
        [&](const ConvShape& one, const SrmmInputs& image, const Parallel& threads, bool* finite) {
          return run_deep(one, image, threads, finite);
        });
  }

 private:
  Status run_deep(const ConvShape& shape, SrmmInputs in, const Parallel& parallel,
                  bool* finite) const {
    const ConvShape deep = space_to_depth(shape);
    float* x = thread_scratch().image.get<float>(checked_size({deep.H, deep.W, deep.C}));
    Status bad = space_to_depth(shape, in.x, parallel, x);
    if (!bad.empty()) return bad;
    in.x = x;
    return fewer_.run(deep, in, parallel, finite);
  }

  SrmmLayer deep_layer(const SrmmLayer& layer) const {
    SrmmLayer deep = layer;
    deep.shape = space_to_depth(layer.shape);
    deep.w = rows_of_outputs(weights_.data(), deep.shape.K());
    return deep;
  }

  std::vector<float> weights_;  // only while those of fewer_ are made
  WinogradSrmm fewer_;
  std::function<const SrmmAlgorithm&()> direct_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_space_to_depth(const SrmmLayer& layer) {
  return std::make_unique<SpaceToDepth>(layer);
}

}  // namespace spl
