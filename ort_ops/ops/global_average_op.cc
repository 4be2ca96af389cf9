// Operator ChannelsLastGlobalAveragePool of domain ai.spl.conv: the mean of channels-last images.
#include "kernels/base/isa.h"
#include "kernels/pooling/global_average.h"
#include "ops/custom_op.h"
#include "ops/operands.h"
#include "ops/parallel_adapter.h"

namespace spl {
namespace {

class GlobalAverageNode final : public Kernel {
 public:
  void compute(const ort::Context& context) const override {
    const ort::Tensor x = image_input(context);
    float* y = static_cast<float*>(context.output({x.dims[0], 1, 1, x.dims[3]}));
    require_empty(run_global_average(x.as<float>(), x.dims.data(), y,
                                     session_threads(context, &threads_), active_kernels()));
  }
};

}  // namespace

OpSpec global_average_op() {
  return {"ChannelsLastGlobalAveragePool",
          {{ort::kFloat, ort::kRequired}},
          ort::kFloat,
          [](const ort::Info&) -> std::unique_ptr<Kernel> {
            return std::make_unique<GlobalAverageNode>();
          },
          [](const ort::InferContext& context) {
            const std::vector<ort::Dimension> x = context.input(0);
            if (x.size() == 4) context.set_output(ort::kFloat, {x[0], {1, ""}, {1, ""}, x[3]});
          }};
}

}  // namespace spl
