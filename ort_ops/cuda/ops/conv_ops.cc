// Domain ai.spl.conv on CUDA.
#include "cuda/kernels/conv.h"
#include "cuda/ops/cuda_ops.h"
#include "cuda/ops/device_memory.h"
#include "ops/images.h"

namespace spl::cuda {
namespace {

Strategy strategy_of(spl::Strategy strategy) {
  switch (strategy) {
    case spl::Strategy::kSelect:
      return Strategy::kSelect;
    case spl::Strategy::kZeroSkip:
      return Strategy::kZeroSkip;
    case spl::Strategy::kDense:
      return Strategy::kDense;
    default:
      return Strategy::kAuto;
  }
}

class SrmmNode final : public Kernel {
 public:
  explicit SrmmNode(const ort::Info& info)
      : images_(info),
        clamp_(read_clamp(info)),
        strategy_(strategy_of(read_strategy(info))),
        selects_(info.has_input(srmm_input::kS)),
        bias_(srmm_bias(info)) {
    require_float32(info);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(srmm_input::kX), w = context.input(srmm_input::kW);
    const ConvShape shape = images_.shape(x, w);
    const std::vector<int64_t> dims = images_.output_dims(shape, x);
    const ort::Tensor s = context.input(srmm_input::kS);
    require_unscaled(context.input(srmm_input::wscale(false)));
    if (selects_) require_dims("S", s, dims);
    const Residual residual =
        read_residual(context.input(srmm_input::kR), images_.conv_dims(shape, x));
    const ConvSrmm call{x.as<float>(),
                        w.as<float>(),
                        read_bias("bias", context.input(bias_), shape.O),
                        selects_ ? s.as<uint8_t>() : nullptr,
                        residual.data,
                        residual.one_element,
                        clamp_,
                        strategy_,
                        static_cast<float*>(context.output(dims))};
    const Scratch scratch(context, conv_srmm_scratch(shape, selects_));
    require_queued(conv_srmm(shape, call, scratch.data(), stream_of(context)));
  }

 private:
  images::Images images_;
  Clamp clamp_;
  Strategy strategy_;
  bool selects_;
  size_t bias_;
};

class PredictNode final : public Kernel {
 public:
  explicit PredictNode(const ort::Info& info)
      : images_(info), select_all_(images::Images::select_all(info)) {
    const ort::Tensor w = device_constant(info, predict_input::kWp);
    if (!w.present() || w.type != ort::kInt8) return;
    const ConvShape shape = images_.weight_shape(w);
    require_int8_size("Wp", shape.K());
    packed_ = std::make_unique<Packed>(packed_filter_bytes(shape), [&](void* memory) {
      return pack_filters(shape, w.as<int8_t>(), memory, nullptr);
    });
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(predict_input::kX), w = context.input(predict_input::kWp);
    const ConvShape shape = images_.shape(x, w);
    const bool int8 = w.type == ort::kInt8;
    if (int8) require_int8_size("Wp", shape.K());
    const PredictorWeights weights = read_predictor(w, context.input(predict_input::kBp),
                                                    context.input(predict_input::kWscale), shape.O);
    float scale[2] = {0.0f, 0.0f};
    if (read_input_scale(context.input(predict_input::kXscale), scale) != nullptr && !int8)
      throw ort::InvalidArgument("got float32 Wp and an Xscale; Xscale goes with int8 Wp only");
    const Residual residual =
        read_residual(context.input(predict_input::kR), images_.conv_dims(shape, x));
    const Stream stream = stream_of(context);
    // Weights that are not constant are packed anew at every call: right, but slow.
    const bool packs = int8 && packed_ == nullptr;
    const Scratch own(context, packs ? packed_filter_bytes(shape) : 0);
    if (packs) require_queued(pack_filters(shape, w.as<int8_t>(), own.data(), stream));
    const ConvPredict call{x.as<float>(),
                           weights.f32,
                           packed_ != nullptr ? packed_->data() : own.data(),
                           weights.bias,
                           weights.scale,
                           scale[0],
                           scale[1],
                           residual.data,
                           residual.one_element,
                           select_all_,
                           static_cast<uint8_t*>(context.output(images_.output_dims(shape, x)))};
    const Scratch scratch(context, conv_predict_scratch(shape, int8));
    require_queued(conv_predict(shape, call, scratch.data(), stream));
  }

 private:
  images::Images images_;
  bool select_all_;
  std::unique_ptr<Packed> packed_;
};

}  // namespace

const std::vector<OpSpec>& conv_ops() {
  static const std::vector<OpSpec> specs = [] {
    const auto selection = images::infer<ort::kUint8>;
    std::vector<OpSpec> all = image_ops();
    for (int w : {ort::kFloat, ort::kInt8})
      all.push_back(
          op_of<PredictNode>("SPLPredict", predict_inputs(ort::kFloat, w), ort::kUint8, selection));
    all.push_back(
        op_of<SrmmNode>("SRMM", srmm_inputs(ort::kFloat), ort::kFloat, images::infer<ort::kFloat>));
    return all;
  }();
  return specs;
}

}  // namespace spl::cuda
