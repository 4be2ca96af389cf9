// Operators ChannelsLastGlobalAveragePool, and QChannelsLastGlobalAveragePool of bytes, of domain
// ai.spl.conv: the mean of channels-last images.
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

class ByteAverageNode final : public Kernel {
 public:
  void compute(const ort::Context& context) const override {
    const ort::Tensor x = image_input(context);
    const Quantization code = read_code("Xscale", context.input(1));
    float* y = static_cast<float*>(context.output({x.dims[0], 1, 1, x.dims[3]}));
    require_empty(run_byte_average(x.as<uint8_t>(), x.dims.data(), code, y,
                                   session_threads(context, &threads_), active_kernels()));
  }
};

void infer(const ort::InferContext& context) {
  const std::vector<ort::Dimension> x = context.input(0);
  if (x.size() == 4) context.set_output(ort::kFloat, {x[0], {1, ""}, {1, ""}, x[3]});
}

template <class Node>
std::unique_ptr<Kernel> make(const ort::Info&) {
  return std::make_unique<Node>();
}

}  // namespace

OpSpec global_average_op() {
  return {"ChannelsLastGlobalAveragePool",
          {{ort::kFloat, ort::kRequired}},
          ort::kFloat,
          make<GlobalAverageNode>,
          infer};
}

OpSpec byte_average_op() {
  return {"QChannelsLastGlobalAveragePool",
          {{ort::kUint8, ort::kRequired}, {ort::kFloat, ort::kRequired}},
          ort::kFloat,
          make<ByteAverageNode>,
          infer};
}

}  // namespace spl
