#include "cuda/kernels/device.h"

namespace spl::cuda {

const char* status_text(Status status) {
  switch (status) {
    case 0:
      return "done";
    case kBadSizes:
      return "sizes that do not fit each other";
    case kTooLarge:
      return "an operand too large for the CUDA kernels, wanted sizes below 2^31";
    default:
      return cudaGetErrorString(static_cast<cudaError_t>(status));
  }
}

Status allocate(void** memory, size_t bytes) {
  return static_cast<Status>(cudaMalloc(memory, bytes));
}

void release(void* memory) { cudaFree(memory); }

bool is_on_device(const void* address) {
  cudaPointerAttributes found;
  if (cudaPointerGetAttributes(&found, address) == cudaSuccess)
    return found.type == cudaMemoryTypeDevice || found.type == cudaMemoryTypeManaged;
  cudaGetLastError();  // it is no failure of the next launch
  return false;
}

Status wait_for_device() { return static_cast<Status>(cudaDeviceSynchronize()); }

}  // namespace spl::cuda
