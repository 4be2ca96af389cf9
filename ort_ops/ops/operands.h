// Reading and checking what both domains share: the activation, the strategy, the residual, the
// selection and the predictor's weights.
#pragma once

#include <string>

#include "kernels/predict/conv_predict.h"
#include "kernels/srmm/conv_srmm.h"
#include "ops/ort_call.h"

namespace spl {

// Positions of the inputs, the same in both domains.
namespace srmm_input {
enum { kX, kW, kB, kS, kR, kBs, kXscale };
enum { kRscale = kXscale + 1, kYscale };  // of QSRMM
// Of the weights, the last one.
constexpr size_t wscale(bool bytes) { return bytes ? kYscale + 1 : kXscale + 1; }
}  // namespace srmm_input
namespace predict_input {
enum { kX, kWp, kBp, kWscale, kXscale, kR };
}

// The bias that a SRMM node computes with: Bs where it has one, else B.
size_t srmm_bias(const ort::Info& info);

Clamp read_clamp(const ort::Info& info);
Strategy read_strategy(const ort::Info& info);
// float32 in models that do not say it; throws where there is an Xscale that it has no use for, and
// for `bytes` (QSRMM) also where it is float32.
Precision read_precision(const ort::Info& info, bool bytes = false);

// "name [2,3]"
std::string described(const char* name, const ort::Tensor& tensor);

// Input 0 of an operator on images, `wanted` as a message puts it, of sizes that kernels take.
ort::Tensor image_input(const ort::Context& context, const char* wanted = "[N,H,W,C]");

// Rows of [...,K] seen as a matrix.
int64_t matrix_rows(const ort::Tensor& x);

// Throws InvalidArgument, with both shapes, unless the tensor has exactly these sizes.
void require_dims(const char* name, const ort::Tensor& tensor, const std::vector<int64_t>& wanted);

// [O], or missing.
const float* read_bias(const char* name, const ort::Tensor& tensor, int64_t outputs);

// One element, or the shape of the output before pooling.
Residual read_residual(const ort::Tensor& tensor, const std::vector<int64_t>& wanted);

// The same of bytes, which stand for numbers by `scale`; `room` is for the value of one element.
Residual read_byte_residual(const ort::Tensor& tensor, const ort::Tensor& scale,
                            const std::vector<int64_t>& wanted, float* room);

// Scale and zero point of bytes; throws InvalidArgument where `name` is missing.
Quantization read_code(const char* name, const ort::Tensor& scale);

// Weights, bias and scale of a predictor; `w` is float32 or int8.
PredictorWeights read_predictor(const ort::Tensor& w, const ort::Tensor& bias,
                                const ort::Tensor& scale, int64_t outputs);

// Scale and zero point into `out` [2]; returns out, or null when the input is missing.
const float* read_input_scale(const ort::Tensor& tensor, float* out, const char* name = "Xscale");

// Float32 weights have no scale but 1, by which the fallback body multiplies them where it is also
// that of nodes with int8 weights.
void require_unscaled(const ort::Tensor& scale);

inline void require_empty(const std::string& problem) {
  if (!problem.empty()) throw ort::InvalidArgument(problem);
}

// int8 sums stay within 32 bits: 65536 * 255 * 127 < 2^31. `name` is that of the weights.
void require_int8_size(const char* name, int64_t k);

}  // namespace spl
