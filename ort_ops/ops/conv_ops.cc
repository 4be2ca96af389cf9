// Domain ai.spl.conv: SPLPredict and SRMM on channels-last images.
#include <memory>

#include "kernels/conv_predict.h"
#include "kernels/conv_srmm.h"
#include "kernels/isa.h"
#include "ops/custom_op.h"
#include "ops/operands.h"
#include "ops/parallel_adapter.h"

namespace spl {
namespace {

template <class Source>
ConvAttributes read_attributes(const Source& from) {
  ConvAttributes at;
  auto ints = [&](const char* name, int64_t* to, size_t count) {
    const std::vector<int64_t> values = from.integers(name, count);
    std::copy(values.begin(), values.end(), to);
  };
  ints("strides", at.strides, 2);
  ints("pads", at.pads, 4);
  ints("dilations", at.dilations, 2);
  at.group = from.integer("group");
  ints("pool_kernel", at.pool_kernel, 2);
  ints("pool_strides", at.pool_strides, 2);
  ints("pool_pads", at.pool_pads, 4);
  at.pool_ceil = from.integer("pool_ceil") != 0;
  require_empty(at.check());
  return at;
}

ConvShape read_shape(const ConvAttributes& at, const ort::Tensor& x, const ort::Tensor& w) {
  if (x.dims.size() != 4 || w.dims.size() != 4)
    throw ort::InvalidArgument("got " + described("X", x) + " and weights " +
                               shape_text(w.dims.data(), w.dims.size()) +
                               ", wanted [N,H,W,C] and [O,kH,kW,C/group]");
  ConvShape shape;
  require_empty(make_shape(at, x.dims.data(), w.dims.data(), &shape));
  return shape;
}

// Shape of the weights alone, for packing before any image is known: an image as large as the kernel.
ConvShape weight_shape(const ConvAttributes& at, const ort::Tensor& w) {
  if (w.dims.size() != 4)
    throw ort::InvalidArgument("got " + described("weights", w) + ", wanted [O,kH,kW,C/group]");
  ort::Tensor x;
  x.dims = {1, w.dims[1] * at.dilations[0] + at.pool_kernel[0] * at.strides[0],
            w.dims[2] * at.dilations[1] + at.pool_kernel[1] * at.strides[1], w.dims[3] * at.group};
  return read_shape(at, x, w);
}

class ConvSrmmKernel final : public Kernel {
 public:
  explicit ConvSrmmKernel(const ort::Info& info)
      : attributes_(read_attributes(info)),
        clamp_(read_clamp(info)),
        strategy_(read_strategy(info)),
        selects_(info.has_input(srmm_input::kS)) {
    const ort::Tensor w = info.constant(srmm_input::kW), b = info.constant(srmm_input::kB);
    if (w.present() && (b.present() || !info.has_input(srmm_input::kB))) packed_ = pack(w, b);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(srmm_input::kX), w = context.input(srmm_input::kW);
    const ConvShape shape = read_shape(attributes_, x, w);
    const ort::Tensor s = context.input(srmm_input::kS);
    const std::vector<int64_t> pooled = {shape.N, shape.pH, shape.pW, shape.O};
    if (selects_) require_dims("S", s, pooled);
    SrmmInputs in{x.as<float>(), selects_ ? s.as<uint8_t>() : nullptr,
                  read_residual(context.input(srmm_input::kR),
                                {shape.N, shape.oH, shape.oW, shape.O}),
                  nullptr};
    // Weights that are not constant are packed anew at every call: right, but slow.
    const std::unique_ptr<ConvSrmm> own =
        packed_ == nullptr ? pack(w, context.input(srmm_input::kB)) : nullptr;
    in.y = static_cast<float*>(context.output(pooled));
    require_empty((own ? *own : *packed_).run(shape, in, session_threads(context)));
  }

 private:
  std::unique_ptr<ConvSrmm> pack(const ort::Tensor& w, const ort::Tensor& b) const {
    const ConvShape shape = weight_shape(attributes_, w);
    return std::make_unique<ConvSrmm>(shape, w.as<float>(), read_bias("B", b, shape.O), clamp_,
                                      strategy_, selects_, active_kernels());
  }

  ConvAttributes attributes_;
  Clamp clamp_;
  Strategy strategy_;
  bool selects_;
  std::unique_ptr<ConvSrmm> packed_;
};

class ConvPredictKernel final : public Kernel {
 public:
  explicit ConvPredictKernel(const ort::Info& info)
      : attributes_(read_attributes(info)), select_all_(info.integer("select_all") != 0) {
    const ort::Tensor w = info.constant(predict_input::kWp), b = info.constant(predict_input::kBp);
    const ort::Tensor scale = info.constant(predict_input::kWscale);
    if (w.present() && b.present() && (scale.present() || !info.has_input(predict_input::kWscale)))
      packed_ = pack(w, b, scale);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(predict_input::kX), w = context.input(predict_input::kWp);
    const ConvShape shape = read_shape(attributes_, x, w);
    float scale[2];
    PredictInputs in{x.as<float>(),
                     read_residual(context.input(predict_input::kR),
                                   {shape.N, shape.oH, shape.oW, shape.O}),
                     read_input_scale(context.input(predict_input::kXscale), scale), nullptr};
    if (in.input_scale != nullptr && w.type != ort::kInt8)
      throw ort::InvalidArgument("got float32 Wp and an Xscale; Xscale goes with int8 Wp only");
    const std::unique_ptr<ConvPredict> own =
        packed_ == nullptr ? pack(w, context.input(predict_input::kBp),
                                  context.input(predict_input::kWscale))
                           : nullptr;
    in.s = static_cast<uint8_t*>(context.output({shape.N, shape.pH, shape.pW, shape.O}));
    require_empty((own ? *own : *packed_).run(shape, in, session_threads(context)));
  }

 private:
  std::unique_ptr<ConvPredict> pack(const ort::Tensor& w, const ort::Tensor& b,
                                    const ort::Tensor& scale) const {
    const ConvShape shape = weight_shape(attributes_, w);
    if (w.type == ort::kInt8) require_int8_size(shape.K());
    return std::make_unique<ConvPredict>(shape, read_predictor(w, b, scale, shape.O), select_all_,
                                         false, active_kernels());
  }

  ConvAttributes attributes_;
  bool select_all_;
  std::unique_ptr<ConvPredict> packed_;
};

// Output size of one direction from symbolic sizes; -1 where the input is unknown.
int64_t direction(const ConvAttributes& at, int axis, int64_t in, int64_t kernel) {
  if (in < 0 || kernel < 0) return -1;
  const int64_t conv = conv_output_size(in, kernel, at.strides[axis], at.pads[axis],
                                        at.pads[axis + 2], at.dilations[axis]);
  return pool_output_size(conv, at.pool_kernel[axis], at.pool_strides[axis], at.pool_pads[axis],
                          at.pool_pads[axis + 2], at.pool_ceil);
}

template <ort::ElementType Output>
void infer(const ort::InferContext& context) {
  const std::vector<ort::Dimension> x = context.input(0), w = context.input(1);
  if (x.size() != 4 || w.size() != 4) return;
  const ConvAttributes at = read_attributes(context);
  context.set_output(Output, {x[0],
                              {direction(at, 0, x[1].size, w[1].size), ""},
                              {direction(at, 1, x[2].size, w[2].size), ""},
                              w[0]});
}

template <class T>
std::unique_ptr<Kernel> create(const ort::Info& info) {
  return std::make_unique<T>(info);
}

}  // namespace

const std::vector<OpSpec>& conv_ops() {
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
                    create<ConvPredictKernel>,
                    infer<kUint8>};
    };
    const OpSpec srmm{"SRMM",
                      {{kFloat, kRequired},
                       {kFloat, kRequired},
                       {kFloat, kOptional},
                       {kUint8, kOptional},
                       {kFloat, kOptional}},
                      kFloat,
                      create<ConvSrmmKernel>,
                      infer<kFloat>};
    return std::vector<OpSpec>{predict(kFloat), predict(kInt8), srmm};
  }();
  return specs;
}

}  // namespace spl
