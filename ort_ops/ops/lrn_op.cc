// Operator ChannelsLastLRN of domain ai.spl.conv: local response normalisation without leaving the
// channels-last layout.
#include "kernels/base/isa.h"
#include "kernels/pooling/lrn.h"
#include "ops/custom_op.h"
#include "ops/operands.h"
#include "ops/parallel_adapter.h"

namespace spl {
namespace {

class LrnNode final : public Kernel {
 public:
  explicit LrnNode(const ort::Info& info)
      : attributes_{info.integer("size"), info.real("alpha"), info.real("beta"),
                    info.real("bias")} {
    require_empty(attributes_.check());
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = image_input(context);
    const int64_t pixels = x.dims[0] * x.dims[1] * x.dims[2];
    require_empty(run_lrn(attributes_, x.as<float>(), pixels, x.dims[3],
                          static_cast<float*>(context.output(x.dims)),
                          session_threads(context, &threads_), active_kernels()));
  }

 private:
  LrnAttributes attributes_;
};

}  // namespace

OpSpec lrn_op() {
  return {"ChannelsLastLRN",
          {{ort::kFloat, ort::kRequired}},
          ort::kFloat,
          [](const ort::Info& info) -> std::unique_ptr<Kernel> {
            return std::make_unique<LrnNode>(info);
          },
          [](const ort::InferContext& context) {
            const std::vector<ort::Dimension> x = context.input(0);
            if (!x.empty()) context.set_output(ort::kFloat, x);
          }};
}

}  // namespace spl
