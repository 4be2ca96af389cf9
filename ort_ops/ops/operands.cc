#include "ops/operands.h"

#include <cfloat>
#include <cmath>

namespace spl {

Clamp read_clamp(const ort::Info& info) {
  const Clamp clamp{info.real("clip_min"), info.real("clip_max"), info.real("floor")};
  if (!(clamp.low <= clamp.high))
    throw ort::InvalidArgument("attributes clip_min and clip_max: got " +
                               std::to_string(clamp.low) + " and " + std::to_string(clamp.high) +
                               ", wanted clip_min <= clip_max");
  if (!(clamp.floor >= 0 && std::isfinite(clamp.floor)))
    throw ort::InvalidArgument("attribute floor: got " + std::to_string(clamp.floor) +
                               ", wanted a finite value >= 0");
  return clamp;
}

size_t srmm_bias(const ort::Info& info) {
  return info.has_input(srmm_input::kBs) ? srmm_input::kBs : srmm_input::kB;
}

Strategy read_strategy(const ort::Info& info) {
  const std::string name = info.text("strategy");
  if (name == "auto") return Strategy::kAuto;
  if (name == "select") return Strategy::kSelect;
  if (name == "zero_skip") return Strategy::kZeroSkip;
  if (name == "dense") return Strategy::kDense;
  throw ort::InvalidArgument("attribute strategy: got '" + name +
                             "', wanted auto, select, zero_skip or dense");
}

Precision read_precision(const ort::Info& info, bool bytes) {
  const std::string name = info.text_or("precision", "float32");
  if (name == "int8") return Precision::kInt8;
  if (name == "int8_winograd" && bytes) return Precision::kInt8Winograd;
  if (bytes)
    throw ort::InvalidArgument("attribute precision: got '" + name +
                               "', wanted int8 or int8_winograd for bytes");
  if (info.has_input(srmm_input::kXscale))
    throw ort::InvalidArgument("got an Xscale, which goes with precision int8 only");
  if (name == "float32") return Precision::kFloat32;
  if (name == "int8_winograd") return Precision::kInt8Winograd;
  throw ort::InvalidArgument("attribute precision: got '" + name +
                             "', wanted float32, int8 or int8_winograd");
}

std::string described(const char* name, const ort::Tensor& tensor) {
  return std::string(name) + " " + shape_text(tensor.dims.data(), tensor.dims.size());
}

ort::Tensor image_input(const ort::Context& context, const char* wanted) {
  ort::Tensor x = context.input(0);
  if (x.dims.size() != 4)
    throw ort::InvalidArgument("got " + described("X", x) + ", wanted " + wanted);
  if (!tensor_fits(x.dims.data())) throw ort::InvalidArgument(described("X", x) + ": too large");
  return x;
}

int64_t matrix_rows(const ort::Tensor& x) {
  const int64_t rows = product_within(x.dims.data(), x.dims.size() - 1, kMostBytes);
  if (rows < 0) throw ort::InvalidArgument(described("X", x) + ": too large");
  return rows;
}

void require_dims(const char* name, const ort::Tensor& tensor, const std::vector<int64_t>& wanted) {
  if (tensor.dims != wanted)
    throw ort::InvalidArgument("got " + described(name, tensor) + ", wanted " +
                               shape_text(wanted.data(), wanted.size()));
}

const float* read_bias(const char* name, const ort::Tensor& tensor, int64_t outputs) {
  if (!tensor.present()) return nullptr;
  require_dims(name, tensor, {outputs});
  return tensor.as<float>();
}

Residual read_residual(const ort::Tensor& tensor, const std::vector<int64_t>& wanted) {
  if (!tensor.present()) return {};
  if (tensor.one_element()) return {tensor.as<float>(), true};
  require_dims("R", tensor, wanted);
  return {tensor.as<float>(), false};
}

Quantization read_code(const char* name, const ort::Tensor& scale) {
  float pair[2];
  if (read_input_scale(scale, pair, name) == nullptr)
    throw ort::InvalidArgument("input " + std::string(name) +
                               " is missing, wanted scale and zero point of the bytes");
  return {pair[0], 1.0f / pair[0], pair[1]};
}

Residual read_byte_residual(const ort::Tensor& tensor, const ort::Tensor& scale,
                            const std::vector<int64_t>& wanted, float* room) {
  if (!tensor.present()) return {};
  const Quantization code = read_code("Rscale", scale);
  if (tensor.one_element()) {
    *room = (static_cast<float>(*tensor.as<uint8_t>()) - code.zero) * code.scale;
    return {room, true};
  }
  require_dims("R", tensor, wanted);
  Residual residual;
  residual.bytes = tensor.as<uint8_t>();
  residual.code = code;
  return residual;
}

PredictorWeights read_predictor(const ort::Tensor& w, const ort::Tensor& bias,
                                const ort::Tensor& scale, int64_t outputs) {
  PredictorWeights weights;
  weights.bias = read_bias("Bp", bias, outputs);
  if (weights.bias == nullptr) throw ort::InvalidArgument("input Bp is missing");
  if (w.type == ort::kFloat) {
    weights.f32 = w.as<float>();
    if (scale.present())
      throw ort::InvalidArgument("got float32 Wp and a Wscale; Wscale goes with int8 Wp only");
    return weights;
  }
  weights.i8 = w.as<int8_t>();
  weights.scale = read_bias("Wscale", scale, outputs);
  if (weights.scale == nullptr)
    throw ort::InvalidArgument("got int8 Wp without Wscale; wanted one scale per output");
  return weights;
}

const float* read_input_scale(const ort::Tensor& tensor, float* out, const char* name) {
  if (!tensor.present()) return nullptr;
  if (tensor.dims != std::vector<int64_t>{1}) require_dims(name, tensor, {2});
  out[0] = tensor.as<float>()[0];
  out[1] = tensor.dims[0] == 2 ? tensor.as<float>()[1] : 0.0f;
  if (!std::isfinite(out[0]) || out[0] < FLT_MIN || !(out[1] >= 0 && out[1] <= 255) ||
      out[1] != std::floor(out[1]))
    throw ort::InvalidArgument(std::string(name) + ": got scale " + std::to_string(out[0]) +
                               " and zero point " + std::to_string(out[1]) +
                               ", wanted a positive finite scale and an integer 0 to 255");
  return out;
}

void require_unscaled(const ort::Tensor& scale) {
  if (scale.present() && !(scale.one_element() && *scale.as<float>() == 1.0f))
    throw ort::InvalidArgument(
        "got float32 W and a Wscale; Wscale goes with int8 W, or is one element that is 1");
}

void require_int8_size(const char* name, int64_t k) {
  if (k > 65536)
    throw ort::InvalidArgument("int8 " + std::string(name) + " with " + std::to_string(k) +
                               " weights per output, wanted at most 65536: sums would overflow");
}

}  // namespace spl
