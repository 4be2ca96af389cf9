// Domain ai.spl.gemm: SPLPredict and SRMM on matrices of any rank.
#include <memory>

#include "kernels/gemm.h"
#include "kernels/isa.h"
#include "ops/custom_op.h"
#include "ops/operands.h"
#include "ops/parallel_adapter.h"

namespace spl {
namespace {

// The leading dimensions of X are rows of one matrix.
ConvShape read_shape(const ort::Tensor& x, const ort::Tensor& w) {
  if (x.dims.empty() || w.dims.size() != 2)
    throw ort::InvalidArgument("got " + described("X", x) + " and weights " +
                               shape_text(w.dims.data(), w.dims.size()) +
                               ", wanted [...,K] and [O,K]");
  if (x.dims.back() != w.dims[1])
    throw ort::InvalidArgument("got " + described("X", x) + " and " + described("weights", w) +
                               ": the last sizes differ, wanted " + std::to_string(w.dims[1]));
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < x.dims.size(); i++) rows *= x.dims[i];
  ConvShape shape;
  require_empty(make_gemm_shape(rows, x.dims.back(), w.dims[0], w.dims[1], &shape));
  return shape;
}

ConvShape weight_shape(const ort::Tensor& w) {
  ort::Tensor x;
  x.dims = {1, w.dims.size() == 2 ? w.dims[1] : 0};
  return read_shape(x, w);
}

std::vector<int64_t> output_dims(const ort::Tensor& x, int64_t outputs) {
  std::vector<int64_t> dims = x.dims;
  dims.back() = outputs;
  return dims;
}

class GemmSrmmKernel final : public Kernel {
 public:
  explicit GemmSrmmKernel(const ort::Info& info)
      : clamp_(read_clamp(info)),
        strategy_(read_strategy(info)),
        selects_(info.has_input(srmm_input::kS)) {
    const ort::Tensor w = info.constant(srmm_input::kW), b = info.constant(srmm_input::kB);
    if (w.present() && (b.present() || !info.has_input(srmm_input::kB))) packed_ = pack(w, b);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(srmm_input::kX), w = context.input(srmm_input::kW);
    const ConvShape shape = read_shape(x, w);
    const std::vector<int64_t> dims = output_dims(x, shape.O);
    const ort::Tensor s = context.input(srmm_input::kS);
    if (selects_) require_dims("S", s, dims);
    SrmmInputs in{x.as<float>(), selects_ ? s.as<uint8_t>() : nullptr,
                  read_residual(context.input(srmm_input::kR), dims), nullptr};
    const std::unique_ptr<GemmSrmm> own =
        packed_ == nullptr ? pack(w, context.input(srmm_input::kB)) : nullptr;
    in.y = static_cast<float*>(context.output(dims));
    require_empty((own ? *own : *packed_).run(shape, in, session_threads(context)));
  }

 private:
  std::unique_ptr<GemmSrmm> pack(const ort::Tensor& w, const ort::Tensor& b) const {
    const ConvShape shape = weight_shape(w);
    return std::make_unique<GemmSrmm>(shape, w.as<float>(), read_bias("B", b, shape.O), clamp_,
                                      strategy_, selects_, active_kernels());
  }

  Clamp clamp_;
  Strategy strategy_;
  bool selects_;
  std::unique_ptr<GemmSrmm> packed_;
};

class GemmPredictKernel final : public Kernel {
 public:
  explicit GemmPredictKernel(const ort::Info& info) {
    const ort::Tensor w = info.constant(predict_input::kWp), b = info.constant(predict_input::kBp);
    const ort::Tensor scale = info.constant(predict_input::kWscale);
    if (w.present() && b.present() && (scale.present() || !info.has_input(predict_input::kWscale)))
      packed_ = pack(w, b, scale);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(predict_input::kX), w = context.input(predict_input::kWp);
    const ConvShape shape = read_shape(x, w);
    const std::vector<int64_t> dims = output_dims(x, shape.O);
    float scale[2];
    PredictInputs in{x.as<float>(), read_residual(context.input(predict_input::kR), dims),
                     read_input_scale(context.input(predict_input::kXscale), scale), nullptr};
    if (in.input_scale != nullptr && w.type != ort::kInt8)
      throw ort::InvalidArgument("got float32 Wp and an Xscale; Xscale goes with int8 Wp only");
    const std::unique_ptr<ConvPredict> own =
        packed_ == nullptr ? pack(w, context.input(predict_input::kBp),
                                  context.input(predict_input::kWscale))
                           : nullptr;
    in.s = static_cast<uint8_t*>(context.output(dims));
    require_empty((own ? *own : *packed_).run(shape, in, session_threads(context)));
  }

 private:
  std::unique_ptr<ConvPredict> pack(const ort::Tensor& w, const ort::Tensor& b,
                                    const ort::Tensor& scale) const {
    const ConvShape shape = weight_shape(w);
    if (w.type == ort::kInt8) require_int8_size(shape.K());
    return std::make_unique<ConvPredict>(shape, read_predictor(w, b, scale, shape.O), false, true,
                                         active_kernels());
  }

  std::unique_ptr<ConvPredict> packed_;
};

template <ort::ElementType Output>
void infer(const ort::InferContext& context) {
  std::vector<ort::Dimension> x = context.input(0);
  const std::vector<ort::Dimension> w = context.input(1);
  if (x.empty() || w.size() != 2) return;
  x.back() = w[0];
  context.set_output(Output, x);
}

template <class T>
std::unique_ptr<Kernel> create(const ort::Info& info) {
  return std::make_unique<T>(info);
}

}  // namespace

const std::vector<OpSpec>& gemm_ops() {
  using ort::kFloat, ort::kInt8, ort::kUint8, ort::kOptional, ort::kRequired;
  static const std::vector<OpSpec> specs = [] {
    auto predict = [](int weights) {
      return OpSpec{"SPLPredict",
                    {{kFloat, kRequired},
                     {weights, kRequired},
                     {kFloat, kRequired},
                     {kFloat, kOptional},
                     {kFloat, kOptional},
                     {kFloat, kOptional}},
                    kUint8,
                    create<GemmPredictKernel>,
                    infer<kUint8>};
    };
    const OpSpec srmm{"SRMM",
                      {{kFloat, kRequired},
                       {kFloat, kRequired},
                       {kFloat, kOptional},
                       {kUint8, kOptional},
                       {kFloat, kOptional}},
                      kFloat,
                      create<GemmSrmmKernel>,
                      infer<kFloat>};
    return std::vector<OpSpec>{predict(kFloat), predict(kInt8), srmm};
  }();
  return specs;
}

}  // namespace spl
