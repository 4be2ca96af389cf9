// The machine under the kernels: CUDA under nvcc, or the emulator of the tests, which runs the same
// sources on the processor (tests/ort_ops/cuda/emulator). Nothing else in this folder knows which.
#pragma once

#include <cmath>

#include "cuda/kernels/host.h"

#ifdef SPL_CUDA_EMULATED
#include "emulator.h"
#else
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#endif

namespace spl::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// Starts a kernel on the stream. Every launch of the project goes through here.
template <class... P, class... A>
Status launch(void (*kernel)(P...), dim3 grid, int threads, Stream stream, const A&... args) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return 0;
#ifdef SPL_CUDA_EMULATED
  return emulator::run(grid, threads, stream, [&] { kernel(args...); });
#else
  // clang-format off
  kernel<<<grid, threads, 0, stream>>>(args...);
  // clang-format on
  return static_cast<Status>(cudaGetLastError());
#endif
}

// --- Instructions --------------------------------------------------------------------------------
__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x) % kWarp; }
__device__ __forceinline__ int warp_index() { return static_cast<int>(threadIdx.x) / kWarp; }

// Adds the products of four unsigned bytes with four signed bytes.
__device__ __forceinline__ int dot4(uint32_t bytes, uint32_t signed_bytes, int sum) {
#ifdef SPL_CUDA_EMULATED
  for (int i = 0; i < 4; i++)
    sum +=
        static_cast<int>(bytes >> 8 * i & 255) * static_cast<int8_t>(signed_bytes >> 8 * i & 255);
  return sum;
#else
  // The intrinsic __dp4a has no form for mixed signs, the instruction does.
  asm("dp4a.u32.s32 %0, %1, %2, %0;" : "+r"(sum) : "r"(bytes), "r"(signed_bytes));
  return sum;
#endif
}

// Weights are read once: they should not push the inputs, which are read again, out of the cache.
template <class T>
__device__ __forceinline__ T load_once(const T* from) {
#ifdef SPL_CUDA_EMULATED
  return *from;
#else
  return __ldcs(from);
#endif
}

template <class T>
__device__ __forceinline__ T load(const T* from) {
#ifdef SPL_CUDA_EMULATED
  return *from;
#else
  return __ldg(from);
#endif
}

}  // namespace spl::cuda
