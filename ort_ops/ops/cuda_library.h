// Operators of the CUDA provider, which are a library of their own beside this one. It is looked
// for only where the machine has a CUDA driver.
#pragma once

#include <cstddef>

#include "ops/ort_call.h"

namespace spl {

// Operators that the library adds to one domain.
struct ForeignOps {
  const OrtCustomOp* const* ops = nullptr;
  size_t count = 0;
};

struct CudaOps {
  ForeignOps conv, gemm;
};

// What the library exports under the name kCudaEntry: fills `out`. The number in the name changes
// with the meaning, so that libraries of different builds do not meet.
using CudaEntry = void (*)(const OrtApi* api, const ort::Runtime& runtime, CudaOps* out);
constexpr char kCudaEntry[] = "spl_onnx_cuda_ops_2";
constexpr char kCudaLibrary[] = "libspl_ops_cuda.so";

// The operators of the library; none where there is no driver or no library.
CudaOps load_cuda_ops();

}  // namespace spl
