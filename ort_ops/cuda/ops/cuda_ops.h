// The operators of the CUDA provider, by domain.
#pragma once

#include <vector>

#include "cuda/kernels/host.h"
#include "ops/custom_op.h"
#include "ops/operands.h"

namespace spl::cuda {

// Those for float16 need shape inference to say the type of their output.
const std::vector<OpSpec>& conv_ops();
const std::vector<OpSpec>& gemm_ops(bool float16);

// Auxiliary, in the domain of conv_ops.
std::vector<OpSpec> image_ops();

// Under the emulator the operators are those of the CPU.
#ifdef SPL_CUDA_EMULATED
constexpr const char* kProvider = nullptr;
#else
constexpr const char* kProvider = "CUDAExecutionProvider";
#endif

// Inputs of the two operators, with elements of type `x`, weights of type `w`.
inline std::vector<InputSpec> predict_inputs(int x, int w) {
  using ort::kFloat, ort::kOptional, ort::kRequired;
  return {{x, kRequired},
          {w, kRequired},
          {kFloat, kRequired},
          {kFloat, kOptional},
          // Checked before anything runs, so it has to be where the processor can read it.
          {kFloat, kOptional, ort::kHostMemory},
          {x, kOptional}};
}
inline std::vector<InputSpec> srmm_inputs(int x) {
  using ort::kFloat, ort::kOptional, ort::kRequired;
  return {
      {x, kRequired}, {x, kRequired}, {x, kOptional},      {ort::kUint8, kOptional},
      {x, kOptional}, {x, kOptional}, {kFloat, kOptional}, {kFloat, kOptional, ort::kHostMemory}};
}

// There are no kernels with products in 8 bits here.
inline void require_float32(const ort::Info& info) {
  if (read_precision(info) != Precision::kFloat32)
    throw ort::InvalidArgument("attribute precision: got '" + info.text("precision") +
                               "', wanted float32: the CUDA provider has no other; run the node on "
                               "the CPU provider");
}

// An input that never changes, where kernels can read it before the session runs; else missing.
inline ort::Tensor device_constant(const ort::Info& info, size_t index) {
  const ort::Tensor tensor = info.constant(index);
  return tensor.present() && is_on_device(tensor.data) ? tensor : ort::Tensor();
}

// A node of class Node.
template <class Node>
OpSpec op_of(const char* name, std::vector<InputSpec> inputs, int output,
             void (*infer)(const ort::InferContext&)) {
  return {
      name,
      std::move(inputs),
      static_cast<ort::ElementType>(output),
      [](const ort::Info& info) -> std::unique_ptr<Kernel> { return std::make_unique<Node>(info); },
      infer,
      kProvider};
}

}  // namespace spl::cuda
