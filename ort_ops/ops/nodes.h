// The two operators as ONNX Runtime kernels, for any domain. A domain says how its tensors become a
// ConvShape (conv_ops.cc: images, gemm_ops.cc: matrices); everything else is common.
//
// A Domain has
//   explicit Domain(const ort::Info&)                 reads the attributes of geometry and layout
//   ConvShape shape(x, w)                             throws when they do not fit
//   ConvShape weight_shape(w)                         the same before any X is known, for packing
//   WeightMatrix weights(shape, w)                    of SRMM
//   dims conv_dims(shape, x), output_dims(shape, x)   of R, and of S and Y
//   bool select_all(info); kRows; class Srmm
#pragma once

#include <memory>
#include <vector>

#include "kernels/base/isa.h"
#include "ops/custom_op.h"
#include "ops/operands.h"
#include "ops/parallel_adapter.h"
#include "ops/precision.h"

namespace spl {

// `kBytes`: X, R and Y are bytes (QSRMM).
template <class Domain, bool kBytes>
class SrmmNode final : public Kernel {
 public:
  explicit SrmmNode(const ort::Info& info)
      : domain_(info),
        clamp_(read_clamp(info)),
        strategy_(read_strategy(info)),
        precision_(read_precision(info, kBytes)),
        selects_(info.has_input(srmm_input::kS)),
        bias_(srmm_bias(info)) {
    const ort::Tensor w = info.constant(srmm_input::kW), b = info.constant(bias_);
    const ort::Tensor scale = info.constant(kWscale);
    if (w.present() && (b.present() || !info.has_input(bias_)) &&
        (scale.present() || !info.has_input(kWscale)))
      packed_ = pack(w, b, scale);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(srmm_input::kX), w = context.input(srmm_input::kW);
    const ConvShape shape = domain_.shape(x, w);
    const std::vector<int64_t> dims = domain_.output_dims(shape, x);
    const ort::Tensor s = context.input(srmm_input::kS), r = context.input(srmm_input::kR);
    if (selects_) require_dims("S", s, dims);
    SrmmInputs in{};
    in.s = selects_ ? s.as<uint8_t>() : nullptr;
    float scale[2], room;
    in.x_scale = read_input_scale(context.input(srmm_input::kXscale), scale);
    const std::vector<int64_t> added = domain_.conv_dims(shape, x);
    if constexpr (kBytes) {
      read_code("Xscale", context.input(srmm_input::kXscale));
      in.x_bytes = x.as<uint8_t>();
      in.residual = read_byte_residual(r, context.input(srmm_input::kRscale), added, &room);
      in.y_code = read_code("Yscale", context.input(srmm_input::kYscale));
    } else {
      in.x = x.as<float>();
      in.residual = read_residual(r, added);
    }
    // Weights that are not constant are packed anew at every call: right, but slow.
    const std::unique_ptr<Srmm> own =
        packed_ == nullptr ? pack(w, context.input(bias_), context.input(kWscale)) : nullptr;
    void* y = context.output(dims);
    if (kBytes)
      in.y_bytes = static_cast<uint8_t*>(y);
    else
      in.y = static_cast<float*>(y);
    require_empty((own ? *own : *packed_).run(shape, in, session_threads(context, &threads_)));
  }

 private:
  using Srmm = typename Domain::Srmm;
  static constexpr size_t kWscale = srmm_input::wscale(kBytes);

  std::unique_ptr<Srmm> pack(const ort::Tensor& w, const ort::Tensor& b,
                             const ort::Tensor& scale) const {
    const ConvShape shape = domain_.weight_shape(w);
    const WeightMatrix weights =
        read_weights(domain_.weights(shape, w), w, scale, shape.O, precision_);
    require_precision(shape, weights, precision_, Domain::kRows);
    return std::make_unique<Srmm>(shape, weights,
                                  read_bias(bias_ == srmm_input::kB ? "B" : "Bs", b, shape.O),
                                  clamp_, strategy_, selects_, active_kernels(), precision_);
  }

  Domain domain_;
  Clamp clamp_;
  Strategy strategy_;
  Precision precision_;
  bool selects_;
  size_t bias_;
  std::unique_ptr<Srmm> packed_;
};

template <class Domain>
class PredictNode final : public Kernel {
 public:
  explicit PredictNode(const ort::Info& info)
      : domain_(info), select_all_(Domain::select_all(info)) {
    const ort::Tensor w = info.constant(predict_input::kWp), b = info.constant(predict_input::kBp);
    const ort::Tensor scale = info.constant(predict_input::kWscale);
    if (w.present() && b.present() && (scale.present() || !info.has_input(predict_input::kWscale)))
      packed_ = pack(w, b, scale);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(predict_input::kX), w = context.input(predict_input::kWp);
    const ConvShape shape = domain_.shape(x, w);
    float scale[2];
    PredictInputs in{x.as<float>(),
                     read_residual(context.input(predict_input::kR), domain_.conv_dims(shape, x)),
                     read_input_scale(context.input(predict_input::kXscale), scale), nullptr};
    if (in.input_scale != nullptr && w.type != ort::kInt8)
      throw ort::InvalidArgument("got float32 Wp and an Xscale; Xscale goes with int8 Wp only");
    const std::unique_ptr<ConvPredict> own =
        packed_ == nullptr
            ? pack(w, context.input(predict_input::kBp), context.input(predict_input::kWscale))
            : nullptr;
    in.s = static_cast<uint8_t*>(context.output(domain_.output_dims(shape, x)));
    require_empty((own ? *own : *packed_).run(shape, in, session_threads(context, &threads_)));
  }

 private:
  std::unique_ptr<ConvPredict> pack(const ort::Tensor& w, const ort::Tensor& b,
                                    const ort::Tensor& scale) const {
    const ConvShape shape = domain_.weight_shape(w);
    if (w.type == ort::kInt8) require_int8_size("Wp", shape.K());
    return std::make_unique<ConvPredict>(shape, read_predictor(w, b, scale, shape.O), select_all_,
                                         Domain::kRows, active_kernels());
  }

  Domain domain_;
  bool select_all_;
  std::unique_ptr<ConvPredict> packed_;
};

// SPLPredict, SRMM and QSRMM, each with float32 and with int8 weights.
template <class PredictDomain, class SrmmDomain>
std::vector<OpSpec> domain_ops(void (*infer_selection)(const ort::InferContext&),
                               void (*infer_values)(const ort::InferContext&),
                               void (*infer_bytes)(const ort::InferContext&)) {
  using ort::kFloat, ort::kInt8, ort::kUint8, ort::kOptional, ort::kRequired;
  auto predict = [&](int weights) {
    return OpSpec{"SPLPredict",
                  {{kFloat, kRequired},
                   {weights, kRequired},
                   {kFloat, kRequired},
                   {kFloat, kOptional},
                   {kFloat, kOptional},
                   {kFloat, kOptional}},
                  kUint8,
                  [](const ort::Info& info) -> std::unique_ptr<Kernel> {
                    return std::make_unique<PredictNode<PredictDomain>>(info);
                  },
                  infer_selection};
  };
  auto srmm = [&](int weights) {
    return OpSpec{"SRMM",
                  {{kFloat, kRequired},
                   {weights, kRequired},
                   {kFloat, kOptional},
                   {kUint8, kOptional},
                   {kFloat, kOptional},
                   {kFloat, kOptional},
                   {kFloat, kOptional},
                   {kFloat, kOptional}},
                  kFloat,
                  [](const ort::Info& info) -> std::unique_ptr<Kernel> {
                    return std::make_unique<SrmmNode<SrmmDomain, false>>(info);
                  },
                  infer_values};
  };
  auto qsrmm = [&](int weights) {
    return OpSpec{"QSRMM",
                  {{kUint8, kRequired},
                   {weights, kRequired},
                   {kFloat, kOptional},
                   {kUint8, kOptional},
                   {kUint8, kOptional},
                   {kFloat, kOptional},
                   {kFloat, kOptional},
                   {kFloat, kOptional},
                   {kFloat, kOptional},
                   {kFloat, kOptional}},
                  kUint8,
                  [](const ort::Info& info) -> std::unique_ptr<Kernel> {
                    return std::make_unique<SrmmNode<SrmmDomain, true>>(info);
                  },
                  infer_bytes};
  };
  return {predict(kFloat), predict(kInt8), srmm(kFloat), srmm(kInt8), qsrmm(kFloat), qsrmm(kInt8)};
}

}  // namespace spl
