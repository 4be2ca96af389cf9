// Kernels that are wrong on purpose, to see that the emulator and the guards notice.
#include "cuda/kernels/device.h"

namespace {

using namespace spl::cuda;

__global__ void half_a_barrier(int* values) {
  if (threadIdx.x < 32) __syncthreads();
  values[threadIdx.x] = 1;
}
__global__ void half_a_warp(int* values) {
  if (threadIdx.x % 2 == 0) values[threadIdx.x] = __shfl_xor_sync(kAllLanes, 1, 2);
}
__global__ void some_lanes(int* values) { values[threadIdx.x] = __shfl_sync(0xffffu, 1, 0); }
__global__ void race(int* values) {
  __shared__ int shared;
  if (threadIdx.x == 0) shared = 7;
  values[threadIdx.x] = shared;  // a barrier is missing
  __syncthreads();
  shared = 0;
}
__global__ void reverse(int* values) {
  __shared__ int shared[64];
  shared[threadIdx.x] = static_cast<int>(blockIdx.x * 100 + threadIdx.x);
  __syncthreads();
  const int other = shared[63 - threadIdx.x];
  values[blockIdx.x * 64 + threadIdx.x] = __shfl_xor_sync(kAllLanes, other, 31);
}

}  // namespace

extern "C" {

int self_test_half_a_barrier(int* values) {
  return launch(half_a_barrier, dim3(1), 64, nullptr, values);
}
int self_test_half_a_warp(int* values) { return launch(half_a_warp, dim3(1), 64, nullptr, values); }
int self_test_some_lanes(int* values) { return launch(some_lanes, dim3(1), 64, nullptr, values); }
int self_test_race(int* values) { return launch(race, dim3(1), 64, nullptr, values); }
int self_test_reverse(int* values) { return launch(reverse, dim3(2), 64, nullptr, values); }
int self_test_too_many(int* values) { return launch(reverse, dim3(2, 65536), 64, nullptr, values); }
float self_test_half_to_float(int bits) {
  return emulator::half_to_float(static_cast<uint16_t>(bits));
}
int self_test_float_to_half(float value) { return emulator::float_to_half(value); }

}  // extern "C"
