// Operator ChannelsLastQuantize of domain ai.spl.conv: where images as ONNX has them become
// channels-last bytes.
#include "kernels/base/isa.h"
#include "kernels/border/planes.h"
#include "ops/custom_op.h"
#include "ops/operands.h"
#include "ops/parallel_adapter.h"

namespace spl {
namespace {

class QuantizeNode final : public Kernel {
 public:
  void compute(const ort::Context& context) const override {
    const ort::Tensor x = image_input(context, "[N,C,H,W]");
    const Quantization code = read_code("Yscale", context.input(1));
    const int64_t images = x.dims[0], channels = x.dims[1], pixels = x.dims[2] * x.dims[3];
    void* y = context.output({images, x.dims[2], x.dims[3], channels});
    require_empty(run_quantize_planes(x.as<float>(), images, channels, pixels, code,
                                      static_cast<uint8_t*>(y), session_threads(context, &threads_),
                                      active_kernels()));
  }
};

}  // namespace

OpSpec quantize_op() {
  return {
      "ChannelsLastQuantize",
      {{ort::kFloat, ort::kRequired}, {ort::kFloat, ort::kRequired}},
      ort::kUint8,
      [](const ort::Info&) -> std::unique_ptr<Kernel> { return std::make_unique<QuantizeNode>(); },
      [](const ort::InferContext& context) {
        const std::vector<ort::Dimension> x = context.input(0);
        if (x.size() == 4) context.set_output(ort::kUint8, {x[0], x[2], x[3], x[1]});
      }};
}

}  // namespace spl
