// SRMM with all outputs computed, nothing skipped, in the way that is faster for the size of the
// images. For inputs with few zeros and as a baseline.
#include <cmath>

#include "kernels/base/lazy.h"
#include "kernels/shape/cycles.h"
#include "kernels/srmm/conv_srmm.h"
#include "kernels/srmm/space_to_depth.h"
#include "kernels/srmm/winograd.h"

namespace spl {
namespace {

// Time of each way over that of ONNX Runtime's dense work; infinity where it is impossible.
double pointwise_cost(const ConvShape& shape) { return shape.pointwise() ? 1.02 : INFINITY; }

double direct_cost(const ConvShape&) { return 1.08; }

double winograd_cost(const ConvShape& shape) {
  return winograd_suits(shape) ? winograd_cycles(shape) / direct_cycles(shape) : INFINITY;
}

double space_to_depth_cost(const ConvShape& shape) {
  if (!space_to_depth_suits(shape)) return INFINITY;
  const ConvShape deep = space_to_depth(shape);
  return winograd_suits(deep) ? winograd_cycles(deep) / direct_cycles(shape) : INFINITY;
}

struct Way {
  const char* name;
  double (*cost)(const ConvShape& shape);
  std::unique_ptr<SrmmMethod> (*make)(const SrmmLayer& layer);
};

constexpr int kWays = 4;
constexpr Way kAllWays[kWays] = {{"direct", direct_cost, make_direct},
                                 {"pointwise", pointwise_cost, make_pointwise},
                                 {"winograd", winograd_cost, make_winograd},
                                 {"space_to_depth", space_to_depth_cost, make_space_to_depth}};

int cheapest(const ConvShape& shape) {
  int best = 0;
  for (int i = 1; i < kWays; i++)
    if (kAllWays[i].cost(shape) < kAllWays[best].cost(shape)) best = i;
  return best;
}

class Dense final : public SrmmMethod {
 public:
  explicit Dense(const SrmmLayer& layer) {
    for (const Way& way : kAllWays)
      methods_.push_back(
          std::make_unique<Lazy<SrmmMethod>>([layer, make = way.make] { return make(layer); }));
  }

  Message run(const ConvShape& shape, const SrmmInputs& in,
              const Parallel& parallel) const override {
    return methods_[cheapest(shape)]->get().run(shape, in, parallel);
  }

 private:
  std::vector<std::unique_ptr<Lazy<SrmmMethod>>> methods_;
};

}  // namespace

double dense_cost(const ConvShape& shape) { return kAllWays[cheapest(shape)].cost(shape); }

const char* dense_way(const ConvShape& shape) { return kAllWays[cheapest(shape)].name; }

std::unique_ptr<SrmmMethod> make_dense(const SrmmLayer& layer) {
  return std::make_unique<Dense>(layer);
}

}  // namespace spl
