// Domain ai.spl.gemm on CUDA: float32, and float16 with sums in float32.
#include "cuda/kernels/gemm.h"
#include "cuda/ops/cuda_ops.h"
#include "cuda/ops/device_memory.h"
#include "ops/operands.h"
#include "ops/weight_order.h"

namespace spl::cuda {
namespace {

Element element_of(const ort::Tensor& x) {
  return x.type == ort::kFloat16 ? Element::kHalf : Element::kFloat;
}

Weights weights_of(const ort::Tensor& w) {
  return w.type == ort::kInt8      ? Weights::kInt8
         : w.type == ort::kFloat16 ? Weights::kHalf
                                   : Weights::kFloat;
}

GemmShape shape_of(const ort::Tensor& x, const ort::Tensor& w, bool by_inputs) {
  const std::string got = "got " + described("X", x) + " and " + described("weights", w);
  if (x.dims.empty() || w.dims.size() != 2)
    throw ort::InvalidArgument(got + ", wanted [...,K] and " + (by_inputs ? "[K,O]" : "[O,K]"));
  const int64_t k = w.dims[by_inputs ? 0 : 1];
  if (x.dims.back() != k)
    throw ort::InvalidArgument(got + ": the last size of X differs, wanted " + std::to_string(k));
  return {matrix_rows(x), k, w.dims[by_inputs ? 1 : 0]};
}

std::vector<int64_t> output_dims(const GemmShape& shape, const ort::Tensor& x) {
  std::vector<int64_t> dims = x.dims;
  dims.back() = shape.outputs;
  return dims;
}

// Weights [O,K] or [K,O] as the kernels that skip zero inputs read them.
class ColumnWeights {
 public:
  ColumnWeights(const ort::Tensor& w, bool by_inputs)
      : type_(weights_of(w)), by_inputs_(by_inputs) {
    k_ = w.dims[by_inputs ? 0 : 1], outputs_ = w.dims[by_inputs ? 1 : 0];
  }
  bool in_place(const ort::Tensor& w) const {
    return by_inputs_ && are_columns(type_, w.data, outputs_);
  }
  size_t bytes() const { return columns_bytes(type_, k_, outputs_); }
  Status make(const ort::Tensor& w, void* columns, Stream stream) const {
    return make_columns(type_, w.data, by_inputs_, k_, outputs_, columns, stream);
  }

 private:
  Weights type_;
  bool by_inputs_;
  int64_t k_, outputs_;
};

// The columns of a weight that is constant, made when the node is; null where it lies right
// already.
std::unique_ptr<Packed> pack_columns(const ort::Tensor& w, bool by_inputs) {
  if (w.dims.size() != 2) return nullptr;  // refused when the node runs, with the shape of X
  const ColumnWeights columns(w, by_inputs);
  if (columns.in_place(w)) return nullptr;
  return std::make_unique<Packed>(columns.bytes(),
                                  [&](void* memory) { return columns.make(w, memory, nullptr); });
}

// What a call reads: packed before, in place, or packed for this call (right, but slow).
class CallColumns {
 public:
  CallColumns(const ort::Context& context, const ort::Tensor& w, bool by_inputs,
              const Packed* packed, Stream stream)
      : columns_(w, by_inputs),
        own_(context, packed != nullptr || columns_.in_place(w) ? 0 : columns_.bytes()) {
    data_ = packed != nullptr ? packed->data() : columns_.in_place(w) ? w.data : own_.data();
    if (own_.data() != nullptr) require_queued(columns_.make(w, own_.data(), stream));
  }
  const void* data() const { return data_; }

 private:
  ColumnWeights columns_;
  Scratch own_;
  const void* data_;
};

class SrmmNode final : public Kernel {
 public:
  explicit SrmmNode(const ort::Info& info)
      : clamp_(read_clamp(info)),
        strategy_(read_strategy(info)),
        selects_(info.has_input(srmm_input::kS)),
        bias_(srmm_bias(info)),
        by_inputs_(lie_transposed(info)) {
    require_float32(info);
    // Without a selection only zero inputs can be left out, and [K,O] can be read in no other way.
    columns_ = by_inputs_ || strategy_ == spl::Strategy::kZeroSkip ||
               (strategy_ == spl::Strategy::kAuto && !selects_);
    const ort::Tensor w = device_constant(info, srmm_input::kW);
    if (columns_ && w.present()) packed_ = pack_columns(w, by_inputs_);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(srmm_input::kX), w = context.input(srmm_input::kW);
    const GemmShape shape = shape_of(x, w, by_inputs_);
    const std::vector<int64_t> dims = output_dims(shape, x);
    const ort::Tensor s = context.input(srmm_input::kS);
    require_unscaled(context.input(srmm_input::wscale(false)));
    if (selects_) require_dims("S", s, dims);
    const Residual residual = read_residual(context.input(srmm_input::kR), dims);
    GemmSrmm call{shape,
                  element_of(x),
                  x.data,
                  w.data,
                  read_bias("bias", context.input(bias_), shape.outputs),
                  selects_ ? s.as<uint8_t>() : nullptr,
                  residual.data,
                  residual.one_element,
                  clamp_,
                  nullptr};
    call.y = context.output(dims);
    const Stream stream = stream_of(context);
    const Scratch scratch(context,
                          columns_ ? gemm_columns_scratch(shape) : gemm_rows_scratch(shape));
    if (columns_) {
      const CallColumns columns(context, w, by_inputs_, packed_.get(), stream);
      require_queued(gemm_srmm_columns(call, columns.data(), scratch.data(), stream));
    } else {
      const bool all = strategy_ == spl::Strategy::kDense;
      require_queued(gemm_srmm_rows(call, all, scratch.data(), stream));
    }
  }

 private:
  Clamp clamp_;
  spl::Strategy strategy_;
  bool selects_;
  size_t bias_;
  bool by_inputs_, columns_ = false;
  std::unique_ptr<Packed> packed_;
};

class PredictNode final : public Kernel {
 public:
  explicit PredictNode(const ort::Info& info) {
    const ort::Tensor w = device_constant(info, predict_input::kWp);
    if (w.present()) packed_ = pack_columns(w, false);
  }

  void compute(const ort::Context& context) const override {
    const ort::Tensor x = context.input(predict_input::kX), w = context.input(predict_input::kWp);
    const GemmShape shape = shape_of(x, w, false);
    const std::vector<int64_t> dims = output_dims(shape, x);
    if (w.type == ort::kInt8) require_int8_size("Wp", shape.k);
    // Of the weights only the rest of the checks is wanted, for which all floating types are one.
    ort::Tensor checked = w;
    if (checked.type == ort::kFloat16) checked.type = ort::kFloat;
    const PredictorWeights weights =
        read_predictor(checked, context.input(predict_input::kBp),
                       context.input(predict_input::kWscale), shape.outputs);
    float scale[2] = {0.0f, 0.0f};
    if (read_input_scale(context.input(predict_input::kXscale), scale) != nullptr &&
        w.type != ort::kInt8)
      throw ort::InvalidArgument("got floating-point Wp and an Xscale; Xscale goes with int8 Wp");
    const Residual residual = read_residual(context.input(predict_input::kR), dims);
    const Stream stream = stream_of(context);
    const CallColumns columns(context, w, false, packed_.get(), stream);
    const GemmPredict call{shape,
                           element_of(x),
                           weights_of(w),
                           x.data,
                           columns.data(),
                           weights.bias,
                           weights.scale,
                           scale[0],
                           scale[1],
                           residual.data,
                           residual.one_element,
                           static_cast<uint8_t*>(context.output(dims))};
    const Scratch scratch(context, gemm_predict_scratch(shape));
    require_queued(gemm_predict(call, scratch.data(), stream));
  }

 private:
  std::unique_ptr<Packed> packed_;
};

void infer(const ort::InferContext& context, int type, bool by_inputs) {
  std::vector<ort::Dimension> x = context.input(0);
  const std::vector<ort::Dimension> w = context.input(1);
  if (x.empty() || w.size() != 2) return;
  x.back() = w[by_inputs ? 1 : 0];
  context.set_output(type, x);
}

void infer_selection(const ort::InferContext& context) { infer(context, ort::kUint8, false); }

void infer_values(const ort::InferContext& context) {
  const int type = context.element_type(0);
  if (type != 0) infer(context, type, lie_transposed(context));
}

std::vector<OpSpec> make_ops(bool float16) {
  std::vector<OpSpec> all;
  for (int x : {ort::kFloat, ort::kFloat16}) {
    if (x == ort::kFloat16 && !float16) continue;
    for (int w : {x, static_cast<int>(ort::kInt8)})
      all.push_back(
          op_of<PredictNode>("SPLPredict", predict_inputs(x, w), ort::kUint8, infer_selection));
    all.push_back(op_of<SrmmNode>("SRMM", srmm_inputs(x), x, infer_values));
  }
  return all;
}

}  // namespace

const std::vector<OpSpec>& gemm_ops(bool float16) {
  static const std::vector<OpSpec> specs = make_ops(float16);
  return specs;
}

}  // namespace spl::cuda
