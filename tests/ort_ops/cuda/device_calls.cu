// The kernels as plain functions on device memory and a stream of the caller: for benchmarks, which
// own both (scripts/bench_cuda.py), and for the test that both ways of calling agree. Numbers come
// as an array of int64; all functions return an empty text, or what is wrong.
#include <algorithm>

#include "cuda/kernels/conv.h"
#include "cuda/kernels/gemm.h"

namespace {

using namespace spl::cuda;

const char* text_of(Status status) { return status == 0 ? "" : status_text(status); }

constexpr spl::Clamp kRelu{0.0f, 3.4e38f, 0.0f};

Weights weights_of(int64_t half, int64_t int8) {
  return int8 ? Weights::kInt8 : half ? Weights::kHalf : Weights::kFloat;
}

// X [4], weights [4], stride, padding, of a square convolution without groups and pooling.
spl::ConvShape square(const int64_t* v) {
  spl::ConvAttributes at;
  std::fill(at.strides, at.strides + 2, v[8]);
  std::fill(at.pads, at.pads + 4, v[9]);
  spl::ConvShape shape;
  spl::make_shape(at, v, v + 4, &shape);
  return shape;
}

}  // namespace

extern "C" {

// v: rows, K, O, half, int8 in all functions on matrices.
int64_t device_columns_bytes(const int64_t* v) {
  return static_cast<int64_t>(columns_bytes(weights_of(v[3], v[4]), v[1], v[2]));
}

int64_t device_gemm_scratch(const int64_t* v) {
  const GemmShape shape{v[0], v[1], v[2]};
  return static_cast<int64_t>(std::max(gemm_rows_scratch(shape), gemm_predict_scratch(shape)));
}

const char* device_make_columns(const int64_t* v, const void* w, void* columns, void* stream) {
  return text_of(make_columns(weights_of(v[3], v[4]), w, false, v[1], v[2], columns,
                              static_cast<Stream>(stream)));
}

// ReLU; s null: all outputs, from `columns`; else the rows of w that s selects.
const char* device_gemm_srmm(const int64_t* v, const void* x, const void* w, const void* columns,
                             const void* bias, const uint8_t* s, void* scratch, void* y,
                             void* stream) {
  const GemmSrmm call{{v[0], v[1], v[2]},
                      v[3] ? Element::kHalf : Element::kFloat,
                      x,
                      w,
                      bias,
                      s,
                      nullptr,
                      false,
                      kRelu,
                      y};
  const auto queue = static_cast<Stream>(stream);
  return text_of(s == nullptr ? gemm_srmm_columns(call, columns, scratch, queue)
                              : gemm_srmm_rows(call, false, scratch, queue));
}

const char* device_gemm_predict(const int64_t* v, const void* x, const void* columns,
                                const float* bias, const float* weight_scale, void* scratch,
                                uint8_t* s, void* stream) {
  const GemmPredict call{{v[0], v[1], v[2]},
                         v[3] ? Element::kHalf : Element::kFloat,
                         weights_of(v[3], v[4]),
                         x,
                         columns,
                         bias,
                         weight_scale,
                         0.0f,
                         0.0f,
                         nullptr,
                         false,
                         s};
  return text_of(gemm_predict(call, scratch, static_cast<Stream>(stream)));
}

int64_t device_packed_bytes(const int64_t* v) {
  return static_cast<int64_t>(packed_filter_bytes(square(v)));
}

int64_t device_conv_scratch(const int64_t* v) {
  return static_cast<int64_t>(
      std::max(conv_srmm_scratch(square(v), true), conv_predict_scratch(square(v), true)));
}

const char* device_pack_filters(const int64_t* v, const int8_t* w, void* packed, void* stream) {
  return text_of(pack_filters(square(v), w, packed, static_cast<Stream>(stream)));
}

const char* device_conv_srmm(const int64_t* v, const float* x, const float* w, const float* bias,
                             const uint8_t* s, void* scratch, float* y, void* stream) {
  const ConvSrmm call{x, w, bias, s, nullptr, false, kRelu, Strategy::kAuto, y};
  return text_of(conv_srmm(square(v), call, scratch, static_cast<Stream>(stream)));
}

const char* device_conv_predict(const int64_t* v, const float* x, const void* packed,
                                const float* bias, const float* weight_scale, void* scratch,
                                uint8_t* s, void* stream) {
  const ConvPredict call{x,       nullptr, packed, bias, weight_scale, 0.0f, 0.0f,
                         nullptr, false,   false,  s};
  return text_of(conv_predict(square(v), call, scratch, static_cast<Stream>(stream)));
}

}  // extern "C"
