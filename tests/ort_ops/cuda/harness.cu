// The kernels of ort_ops/cuda/kernels as plain functions on host memory, without ONNX Runtime:
// operands go to the device, the kernels run, results come back. Built by nvcc for a GPU, or by any
// C++ compiler with the emulator. Every buffer lies between guards and starts with a pattern, so
// that writes beyond it and outputs that nobody wrote are found.
#include <cstring>
#include <string>
#include <vector>

#include "cuda/kernels/conv.h"
#include "cuda/kernels/device.h"
#include "cuda/kernels/gemm.h"
#include "cuda/kernels/image.h"

namespace {

using namespace spl::cuda;
using spl::ConvShape;

constexpr size_t kGuard = 256;
constexpr char kPattern = '\xA5';

std::string message;

struct Failure {
  Status status;
};

void require(Status status) {
  if (status != 0) throw Failure{status};
}

// Device memory of `bytes`, `offset` bytes behind an aligned address.
class Buffer {
 public:
  Buffer(const void* content, size_t bytes, size_t offset = 0) : bytes_(bytes), offset_(offset) {
    std::vector<char> all(kGuard + offset + bytes + kGuard, kPattern);
    if (content != nullptr && bytes > 0) std::memcpy(&all[kGuard + offset], content, bytes);
    void* memory = nullptr;
    require(static_cast<Status>(cudaMalloc(&memory, all.size())));
    memory_ = static_cast<char*>(memory);
    require(
        static_cast<Status>(cudaMemcpy(memory_, all.data(), all.size(), cudaMemcpyHostToDevice)));
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { cudaFree(memory_); }

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(memory_ + kGuard + offset_);
  }
  // Copies the content back, where wanted, and checks the guards.
  void finish(void* content = nullptr) const {
    std::vector<char> all(kGuard + offset_ + bytes_ + kGuard);
    require(
        static_cast<Status>(cudaMemcpy(all.data(), memory_, all.size(), cudaMemcpyDeviceToHost)));
    for (size_t i = 0; i < all.size(); i++)
      if ((i < kGuard + offset_ || i >= kGuard + offset_ + bytes_) && all[i] != kPattern) {
        message = "a kernel wrote beyond a buffer";
        throw Failure{kBadSizes};
      }
    if (content != nullptr && bytes_ > 0) std::memcpy(content, &all[kGuard + offset_], bytes_);
  }

 private:
  char* memory_ = nullptr;
  size_t bytes_, offset_;
};

// An operand that may be missing.
class Optional {
 public:
  Optional(const void* content, size_t bytes, size_t offset = 0) {
    if (content != nullptr) buffer_ = new Buffer(content, bytes, offset);
  }
  ~Optional() { delete buffer_; }
  Optional(const Optional&) = delete;
  Optional& operator=(const Optional&) = delete;
  template <class T>
  T* as() const {
    return buffer_ == nullptr ? nullptr : buffer_->as<T>();
  }
  void finish() const {
    if (buffer_ != nullptr) buffer_->finish();
  }

 private:
  Buffer* buffer_ = nullptr;
};

template <class Body>
const char* guarded(Body body) {
  message.clear();
  try {
    body();
  } catch (const Failure& failure) {
    if (message.empty()) message = status_text(failure.status);
  }
  return message.c_str();
}

size_t bytes_of(int64_t count, size_t each) { return static_cast<size_t>(count) * each; }

// sizes: X [4], weights [4], strides, pads, dilations, group, pool kernel, strides, pads, ceil.
ConvShape shape_of(const int64_t* v) {
  spl::ConvAttributes at;
  const int64_t* a = v + 8;
  std::copy(a, a + 2, at.strides), std::copy(a + 2, a + 6, at.pads);
  std::copy(a + 6, a + 8, at.dilations), at.group = a[8];
  std::copy(a + 9, a + 11, at.pool_kernel), std::copy(a + 11, a + 13, at.pool_strides);
  std::copy(a + 13, a + 17, at.pool_pads), at.pool_ceil = a[17] != 0;
  ConvShape shape;
  message = spl::make_shape(at, v, v + 4, &shape);
  if (!message.empty()) throw Failure{kBadSizes};
  return shape;
}

spl::Clamp clamp_of(const float* v) { return {v[0], v[1], v[2]}; }

}  // namespace

extern "C" {

// All functions return an empty text, or what is wrong.

// Whether there is a device: the emulator is one.
int harness_has_device() {
#ifdef SPL_CUDA_EMULATED
  return 1;
#else
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
#endif
}

void harness_set_backwards([[maybe_unused]] int backwards) {
#ifdef SPL_CUDA_EMULATED
  emulator::set_backwards(backwards != 0);
#endif
}

// sizes: rows, K, O, half, offset (bytes that operands are moved from alignment), residual
// elements.
const char* harness_gemm_srmm(const int64_t* sizes, const void* x, const void* w, const void* bias,
                              const uint8_t* s, const void* residual, const float* clamp, int how,
                              void* y) {
  return guarded([&] {
    const GemmShape shape{sizes[0], sizes[1], sizes[2]};
    const size_t each = sizes[3] ? 2 : 4, offset = static_cast<size_t>(sizes[4]);
    const int64_t outputs = shape.rows * shape.outputs;
    const Buffer dx(x, bytes_of(shape.rows * shape.k, each), offset),
        dw(w, bytes_of(shape.outputs * shape.k, each), offset);
    const Buffer dy(nullptr, bytes_of(outputs, each), offset);
    const Optional db(bias, bytes_of(shape.outputs, each)), ds(s, bytes_of(outputs, 1)),
        dr(residual, bytes_of(sizes[5], each));
    const GemmSrmm call{shape,           sizes[3] ? Element::kHalf : Element::kFloat,
                        dx.as<void>(),   dw.as<void>(),
                        db.as<void>(),   ds.as<uint8_t>(),
                        dr.as<void>(),   sizes[5] == 1,
                        clamp_of(clamp), dy.as<void>()};
    const Buffer scratch(nullptr, how > 1 ? gemm_columns_scratch(shape) : gemm_rows_scratch(shape));
    if (how > 1) {
      const Weights type = sizes[3] ? Weights::kHalf : Weights::kFloat;
      const Buffer columns(nullptr, columns_bytes(type, shape.k, shape.outputs));
      require(make_columns(type, dw.as<void>(), how == 3, shape.k, shape.outputs,
                           columns.as<void>(), nullptr));
      const bool in_place = how == 3 && are_columns(type, dw.as<void>(), shape.outputs);
      require(gemm_srmm_columns(call, in_place ? dw.as<void>() : columns.as<void>(),
                                scratch.as<void>(), nullptr));
      columns.finish();
    } else {
      require(gemm_srmm_rows(call, how == 1, scratch.as<void>(), nullptr));
    }
    require(static_cast<Status>(cudaDeviceSynchronize()));
    scratch.finish(), dx.finish(), dw.finish(), ds.finish();
    dy.finish(y);
  });
}

// sizes: rows, K, O, half, int8, residual elements.
const char* harness_gemm_predict(const int64_t* sizes, const void* x, const void* w,
                                 const float* bias, const float* weight_scale,
                                 const float* input_scale, const void* residual, uint8_t* s) {
  return guarded([&] {
    const GemmShape shape{sizes[0], sizes[1], sizes[2]};
    const size_t each = sizes[3] ? 2 : 4;
    const Weights type = sizes[4] ? Weights::kInt8 : sizes[3] ? Weights::kHalf : Weights::kFloat;
    const Buffer dx(x, bytes_of(shape.rows * shape.k, each)),
        dw(w, bytes_of(shape.outputs * shape.k, sizes[4] ? 1 : each)),
        ds(nullptr, bytes_of(shape.rows * shape.outputs, 1));
    const Optional db(bias, bytes_of(shape.outputs, 4)),
        dv(weight_scale, bytes_of(shape.outputs, 4)), dr(residual, bytes_of(sizes[5], each));
    const Buffer columns(nullptr, columns_bytes(type, shape.k, shape.outputs)),
        scratch(nullptr, gemm_predict_scratch(shape));
    require(make_columns(type, dw.as<void>(), false, shape.k, shape.outputs, columns.as<void>(),
                         nullptr));
    const GemmPredict call{shape,
                           sizes[3] ? Element::kHalf : Element::kFloat,
                           type,
                           dx.as<void>(),
                           columns.as<void>(),
                           db.as<float>(),
                           dv.as<float>(),
                           input_scale == nullptr ? 0.0f : input_scale[0],
                           input_scale == nullptr ? 0.0f : input_scale[1],
                           dr.as<void>(),
                           sizes[5] == 1,
                           ds.as<uint8_t>()};
    require(gemm_predict(call, scratch.as<void>(), nullptr));
    require(static_cast<Status>(cudaDeviceSynchronize()));
    scratch.finish(), columns.finish();
    ds.finish(s);
  });
}

// strategy: 0 auto, 1 select, 2 zero_skip, 3 dense. residual_elements 0 where there is none.
const char* harness_conv_srmm(const int64_t* sizes, int64_t offset, const float* x, const float* w,
                              const float* bias, const uint8_t* s, const float* residual,
                              int64_t residual_elements, const float* clamp, int strategy,
                              float* y) {
  return guarded([&] {
    const ConvShape shape = shape_of(sizes);
    const auto moved = static_cast<size_t>(offset);
    const Buffer dx(x, bytes_of(shape.N * shape.H * shape.W * shape.C, 4), moved),
        dw(w, bytes_of(shape.O * shape.K(), 4), moved), dy(nullptr, bytes_of(shape.outputs(), 4)),
        scratch(nullptr, conv_srmm_scratch(shape, s != nullptr));
    const Optional db(bias, bytes_of(shape.O, 4)), ds(s, bytes_of(shape.outputs(), 1)),
        dr(residual, bytes_of(residual_elements, 4));
    const ConvSrmm call{dx.as<float>(),  dw.as<float>(),
                        db.as<float>(),  ds.as<uint8_t>(),
                        dr.as<float>(),  residual_elements == 1,
                        clamp_of(clamp), static_cast<spl::cuda::Strategy>(strategy),
                        dy.as<float>()};
    require(conv_srmm(shape, call, scratch.as<void>(), nullptr));
    require(static_cast<Status>(cudaDeviceSynchronize()));
    scratch.finish(), dx.finish(), dw.finish();
    dy.finish(y);
  });
}

const char* harness_conv_predict(const int64_t* sizes, const float* x, const void* w, int int8,
                                 const float* bias, const float* weight_scale,
                                 const float* input_scale, const float* residual,
                                 int64_t residual_elements, int select_all, uint8_t* s) {
  return guarded([&] {
    const ConvShape shape = shape_of(sizes);
    const Buffer dx(x, bytes_of(shape.N * shape.H * shape.W * shape.C, 4)),
        dw(w, bytes_of(shape.O * shape.K(), int8 ? 1 : 4)),
        packed(nullptr, int8 ? packed_filter_bytes(shape) : 0),
        ds(nullptr, bytes_of(shape.outputs(), 1)),
        scratch(nullptr, conv_predict_scratch(shape, int8 != 0));
    const Optional db(bias, bytes_of(shape.O, 4)), dv(weight_scale, bytes_of(shape.O, 4)),
        dr(residual, bytes_of(residual_elements, 4));
    if (int8) require(pack_filters(shape, dw.as<int8_t>(), packed.as<void>(), nullptr));
    const ConvPredict call{dx.as<float>(),
                           int8 ? nullptr : dw.as<float>(),
                           int8 ? packed.as<void>() : nullptr,
                           db.as<float>(),
                           dv.as<float>(),
                           input_scale == nullptr ? 0.0f : input_scale[0],
                           input_scale == nullptr ? 0.0f : input_scale[1],
                           dr.as<float>(),
                           residual_elements == 1,
                           select_all != 0,
                           ds.as<uint8_t>()};
    require(conv_predict(shape, call, scratch.as<void>(), nullptr));
    require(static_cast<Status>(cudaDeviceSynchronize()));
    scratch.finish(), packed.finish();
    ds.finish(s);
  });
}

// sizes as for a convolution with 1 x 1 kernels, whose input is pooled.
const char* harness_max_pool(const int64_t* sizes, const float* x, float* y) {
  return guarded([&] {
    const ConvShape shape = shape_of(sizes);
    const Buffer dx(x, bytes_of(shape.N * shape.H * shape.W * shape.C, 4)),
        dy(nullptr, bytes_of(shape.outputs(), 4));
    require(max_pool(shape, dx.as<float>(), dy.as<float>(), nullptr));
    require(static_cast<Status>(cudaDeviceSynchronize()));
    dy.finish(y);
  });
}

const char* harness_global_average(const int64_t* dims, const float* x, float* y) {
  return guarded([&] {
    const Buffer dx(x, bytes_of(dims[0] * dims[1] * dims[2] * dims[3], 4)),
        dy(nullptr, bytes_of(dims[0] * dims[3], 4));
    require(global_average(dims, dx.as<float>(), dy.as<float>(), nullptr));
    require(static_cast<Status>(cudaDeviceSynchronize()));
    dy.finish(y);
  });
}

const char* harness_lrn(const int64_t* sizes, const float* numbers, const float* x, float* y) {
  return guarded([&] {
    const size_t bytes = bytes_of(sizes[0] * sizes[1], 4);
    const Buffer dx(x, bytes), dy(nullptr, bytes);
    require(lrn({sizes[2], numbers[0], numbers[1], numbers[2]}, dx.as<float>(), sizes[0], sizes[1],
                dy.as<float>(), nullptr));
    require(static_cast<Status>(cudaDeviceSynchronize()));
    dy.finish(y);
  });
}

}  // extern "C"
