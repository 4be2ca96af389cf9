// The auxiliary operators of domain ai.spl.conv on CUDA.
#include "cuda/kernels/image.h"
#include "cuda/ops/cuda_ops.h"
#include "cuda/ops/device_memory.h"
#include "kernels/pooling/lrn.h"
#include "ops/operands.h"
#include "ops/pooling.h"

namespace spl::cuda {
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
    float* y = static_cast<float*>(context.output(x.dims));
    const Lrn norm{attributes_.size, attributes_.alpha, attributes_.beta, attributes_.bias};
    const int64_t pixels = x.dims[0] * x.dims[1] * x.dims[2];
    require_queued(lrn(norm, x.as<float>(), pixels, x.dims[3], y, stream_of(context)));
  }

 private:
  LrnAttributes attributes_;
};

class MaxPoolNode final : public Kernel {
 public:
  explicit MaxPoolNode(const ort::Info& info) {
    read_pooling(info, &attributes_);
    require_empty(attributes_.check());
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = image_input(context);
    std::vector<int64_t> out(4);
    require_empty(max_pool_shape(attributes_, x.dims.data(), out.data()));
    float* y = static_cast<float*>(context.output(out));
    if (is_empty(out.data())) return;
    // As behind a convolution that changes nothing.
    const int64_t weights[4] = {x.dims[3], 1, 1, x.dims[3]};
    ConvShape shape;
    require_empty(make_shape(attributes_, x.dims.data(), weights, &shape));
    require_queued(max_pool(shape, x.as<float>(), y, stream_of(context)));
  }

 private:
  ConvAttributes attributes_;
};

class GlobalAverageNode final : public Kernel {
 public:
  explicit GlobalAverageNode(const ort::Info&) {}

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = image_input(context);
    require_empty(check_pooled_images(x.dims.data()));
    float* y = static_cast<float*>(context.output({x.dims[0], 1, 1, x.dims[3]}));
    require_queued(global_average(x.dims.data(), x.as<float>(), y, stream_of(context)));
  }
};

}  // namespace

std::vector<OpSpec> image_ops() {
  const std::vector<InputSpec> x = {{ort::kFloat, ort::kRequired}};
  std::vector<OpSpec> all = {
      op_of<LrnNode>("ChannelsLastLRN", x, ort::kFloat, nullptr),
      op_of<MaxPoolNode>("ChannelsLastMaxPool", x, ort::kFloat, nullptr),
      op_of<GlobalAverageNode>("ChannelsLastGlobalAveragePool", x, ort::kFloat, nullptr)};
  add_former_names(&all);
  return all;
}

}  // namespace spl::cuda
