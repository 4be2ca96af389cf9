// What callers of the kernels see of the machine: streams, results, memory. Needs no CUDA header.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/base/ceil_div.h"

struct CUstream_st;

namespace spl::cuda {

using Stream = CUstream_st*;  // cudaStream_t

// Result of a host function: 0 = everything is queued, above 0 = a cudaError_t, below 0 = refused.
enum Refusal { kBadSizes = -1, kTooLarge = -2 };
using Status = int;
const char* status_text(Status status);

// Calls steps in turn until one fails.
inline Status first_failure(Status status) { return status; }
template <class Step, class... Steps>
Status first_failure(Status status, Step step, Steps... steps) {
  return status != 0 ? status : first_failure(step(), steps...);
}

// Memory of the current device, for what is made once; waits like cudaMalloc and cudaFree.
Status allocate(void** memory, size_t bytes);
void release(void* memory);
bool is_on_device(const void* address);
Status wait_for_device();

inline size_t aligned_bytes(size_t bytes) { return (bytes + 255) / 256 * 256; }
inline bool is_wide(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

// Type of the numbers of an operator; sums are always float32.
enum class Element { kFloat, kHalf };

}  // namespace spl::cuda
