// SRMM with all outputs computed, nothing skipped, in the way that is faster for the size of the
// images. For inputs with few zeros and as a baseline.
#include <algorithm>

#include "kernels/conv_srmm.h"
#include "kernels/lazy.h"
#include "kernels/winograd.h"

namespace spl {
namespace {

// Direct work of our own kernels over that of ONNX Runtime's.
constexpr double kDirectCost = 1.08, kPointwiseCost = 1.02;

bool pointwise(const ConvShape& shape) {
  const int64_t* pads = shape.at.pads;
  return shape.taps() == 1 && std::count(pads, pads + 4, 0) == 4;
}

class Dense final : public SrmmMethod {
 public:
  explicit Dense(const SrmmLayer& layer)
      : direct_([layer] {
          return pointwise(layer.shape) ? make_pointwise(layer) : make_direct(layer);
        }),
        winograd_([layer] { return make_winograd(layer); }) {}

  Message run(const ConvShape& shape, const SrmmInputs& in,
              const Parallel& parallel) const override {
    const bool fewer = winograd_suits(shape) && winograd_cost(shape) < kDirectCost;
    return (fewer ? winograd_ : direct_).get().run(shape, in, parallel);
  }

 private:
  Lazy<SrmmMethod> direct_, winograd_;
};

}  // namespace

double dense_cost(const ConvShape& shape) {
  if (pointwise(shape)) return kPointwiseCost;
  return winograd_suits(shape) ? std::min(kDirectCost, winograd_cost(shape)) : kDirectCost;
}

std::unique_ptr<SrmmMethod> make_dense(const SrmmLayer& layer) {
  return std::make_unique<Dense>(layer);
}

}  // namespace spl
