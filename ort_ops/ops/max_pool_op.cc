// Operators ChannelsLastMaxPool, and QChannelsLastMaxPool of bytes, of domain ai.spl.conv: pooling
// between sites without leaving the channels-last layout.
#include "kernels/base/isa.h"
#include "kernels/pooling/max_pool.h"
#include "ops/custom_op.h"
#include "ops/operands.h"
#include "ops/parallel_adapter.h"
#include "ops/pooling.h"

namespace spl {
namespace {

// T: float or uint8_t.
template <class T>
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
    require_empty(run_max_pool(attributes_, x.as<T>(), x.dims.data(),
                               static_cast<T*>(context.output(out)), out.data(),
                               session_threads(context, &threads_), active_kernels()));
  }

 private:
  ConvAttributes attributes_;
};

template <ort::ElementType kType>
void infer(const ort::InferContext& context) {
  const std::vector<ort::Dimension> x = context.input(0);
  if (x.size() != 4) return;
  ConvAttributes at;
  read_pooling(context, &at);
  require_empty(at.check());
  auto direction = [&](int axis) -> ort::Dimension {
    return {pool_output_size(at, axis, x[1 + axis].size), ""};
  };
  context.set_output(kType, {x[0], direction(0), direction(1), x[3]});
}

template <class T, ort::ElementType kType>
OpSpec op_named(const char* name) {
  return {name,
          {{kType, ort::kRequired}},
          kType,
          [](const ort::Info& info) -> std::unique_ptr<Kernel> {
            return std::make_unique<MaxPoolNode<T>>(info);
          },
          infer<kType>};
}

}  // namespace

OpSpec max_pool_op() { return op_named<float, ort::kFloat>("ChannelsLastMaxPool"); }

OpSpec byte_max_pool_op() { return op_named<uint8_t, ort::kUint8>("QChannelsLastMaxPool"); }

}  // namespace spl
