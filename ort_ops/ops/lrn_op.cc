// Operators ChannelsLastLRN, and QChannelsLastLRN of bytes, of domain ai.spl.conv: local response
// normalisation without leaving the channels-last layout.
#include "kernels/base/isa.h"
#include "kernels/pooling/lrn.h"
#include "ops/custom_op.h"
#include "ops/operands.h"
#include "ops/parallel_adapter.h"

namespace spl {
namespace {

LrnAttributes read_attributes(const ort::Info& info) {
  return {info.integer("size"), info.real("alpha"), info.real("beta"), info.real("bias")};
}

int64_t pixels_of(const ort::Tensor& x) { return x.dims[0] * x.dims[1] * x.dims[2]; }

class LrnNode final : public Kernel {
 public:
  explicit LrnNode(const ort::Info& info) : attributes_(read_attributes(info)) {
    require_empty(attributes_.check());
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = image_input(context);
    require_empty(run_lrn(attributes_, x.as<float>(), pixels_of(x), x.dims[3],
                          static_cast<float*>(context.output(x.dims)),
                          session_threads(context, &threads_), active_kernels()));
  }

 private:
  LrnAttributes attributes_;
};

class ByteLrnNode final : public Kernel {
 public:
  explicit ByteLrnNode(const ort::Info& info) : attributes_(read_attributes(info)) {
    require_empty(attributes_.check_bytes());
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = image_input(context);
    const Quantization x_code = read_code("Xscale", context.input(1));
    const Quantization y_code = read_code("Yscale", context.input(2));
    require_empty(run_byte_lrn(attributes_, x.as<uint8_t>(), x_code, pixels_of(x), x.dims[3],
                               static_cast<uint8_t*>(context.output(x.dims)), y_code,
                               session_threads(context, &threads_), active_kernels()));
  }

 private:
  LrnAttributes attributes_;
};

template <ort::ElementType kType>
void infer(const ort::InferContext& context) {
  const std::vector<ort::Dimension> x = context.input(0);
  if (!x.empty()) context.set_output(kType, x);
}

template <class Node>
std::unique_ptr<Kernel> make(const ort::Info& info) {
  return std::make_unique<Node>(info);
}

}  // namespace

OpSpec lrn_op() {
  return {"ChannelsLastLRN",
          {{ort::kFloat, ort::kRequired}},
          ort::kFloat,
          make<LrnNode>,
          infer<ort::kFloat>};
}

OpSpec byte_lrn_op() {
  return {
      "QChannelsLastLRN",
      {{ort::kUint8, ort::kRequired}, {ort::kFloat, ort::kRequired}, {ort::kFloat, ort::kRequired}},
      ort::kUint8,
      make<ByteLrnNode>,
      infer<ort::kUint8>};
}

}  // namespace spl
