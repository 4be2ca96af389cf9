// The CUDA execution model on a processor, for tests: the kernels of ort_ops/cuda/kernels compiled
// by any C++17 compiler. The threads of a block are fibers that take turns at barriers and at warp
// operations; blocks run one after another. It checks what a GPU leaves undefined: a barrier that
// some threads do not reach, a warp operation without its whole warp, a launch beyond the limits.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static  // one block runs at a time

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  explicit dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct uint2 {
  uint32_t x, y;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }
inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

using cudaError_t = int;
using cudaStream_t = struct CUstream_st*;
constexpr cudaError_t cudaSuccess = 0;
enum cudaMemoryType { cudaMemoryTypeDevice = 2, cudaMemoryTypeManaged = 3 };
struct cudaPointerAttributes {
  cudaMemoryType type;
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };

const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaMalloc(void** memory, size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* found, const void* address);
cudaError_t cudaGetLastError();

namespace emulator {

enum Error { kLaunchRefused = 9, kDeadlock = 719 };

// Runs one launch to its end; 0 or an Error.
int run(dim3 grid, int threads, cudaStream_t stream, const std::function<void()>& kernel);

// The order in which runnable threads take turns: forwards, or backwards to make races show.
void set_backwards(bool backwards);

void block_barrier();
// All lanes of the warp give a value and see those of all others.
const uint32_t* exchange(unsigned mask, uint32_t value);
int lane();

float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);

inline float bits_as_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
T take(unsigned mask, T value, int from) {
  static_assert(sizeof(T) == sizeof(uint32_t), "32-bit values");
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = exchange(mask, bits)[from];
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

}  // namespace emulator

inline void __syncthreads() { emulator::block_barrier(); }
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  return emulator::take(mask, value, emulator::lane() ^ lanes);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int from) {
  return emulator::take(mask, value, from & 31);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  const uint32_t* all = emulator::exchange(mask, predicate != 0);
  unsigned bits = 0;
  for (int i = 0; i < 32; i++) bits |= all[i] << i;
  return bits;
}

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
  unsigned result = 0;
  for (int i = 0; i < 4; i++)
    result |= static_cast<unsigned>(bytes >> 8 * (selector >> 4 * i & 7) & 255) << 8 * i;
  return result;
}

// One operation each; the tests compile without contraction.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __int2float_rn(int a) { return static_cast<float>(a); }

// Threads take turns only at barriers and warp operations, so a plain addition is atomic.
inline int atomicAdd(int* to, int value) {
  const int old = *to;
  *to += value;
  return old;
}
