#include "cuda/kernels/element.h"
#include "cuda/kernels/quantize.h"

namespace spl::cuda {
namespace {

constexpr int kThreads = 256;

template <class T>
__global__ void ranges_kernel(const T* x, int64_t size, float* ranges) {
  __shared__ float lows[kThreads / kWarp], highs[kThreads / kWarp];
  const int parts = static_cast<int>(gridDim.x);
  const int64_t each = (size + parts - 1) / parts, begin = blockIdx.x * each;
  const int64_t end = begin + each < size ? begin + each : size;
  const T* entry = x + blockIdx.y * size;
  float low = 0.0f, high = 0.0f;
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    const float value = to_float(load(entry + i));
    low = fminf(low, value), high = fmaxf(high, value);
  }
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    low = fminf(low, __shfl_xor_sync(kAllLanes, low, offset));
    high = fmaxf(high, __shfl_xor_sync(kAllLanes, high, offset));
  }
  if (lane_index() == 0) lows[warp_index()] = low, highs[warp_index()] = high;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int warp = 1; warp < kThreads / kWarp; warp++)
    low = fminf(low, lows[warp]), high = fmaxf(high, highs[warp]);
  float* range = ranges + (static_cast<int64_t>(blockIdx.y) * parts + blockIdx.x) * 2;
  range[0] = low, range[1] = high;
}

}  // namespace

template <class T>
Status find_ranges(const T* x, int64_t entries, int64_t size, float* ranges, Stream stream) {
  constexpr int64_t kMost = 65535;  // of a grid in its second direction
  const int parts = range_parts(size);
  for (int64_t first = 0; first < entries; first += kMost) {
    const int64_t count = entries - first < kMost ? entries - first : kMost;
    const dim3 grid(static_cast<unsigned>(parts), static_cast<unsigned>(count));
    const Status status = launch(ranges_kernel<T>, grid, kThreads, stream, x + first * size, size,
                                 ranges + first * parts * 2);
    if (status != 0) return status;
  }
  return 0;
}

template Status find_ranges(const float*, int64_t, int64_t, float*, Stream);
template Status find_ranges(const Half*, int64_t, int64_t, float*, Stream);

}  // namespace spl::cuda
