// Sums over the lanes of a warp of many values at once.
#pragma once

#include "cuda/kernels/device.h"

namespace spl::cuda {

// Adds up value i of all lanes, for every i. Lanes exchange the half of the values that the other
// lane goes on with, so 64 values take 62 exchanges instead of 320; every sum is the same tree for
// every kCount. Afterwards lane l has the sums of kCount / kWarp values (at least one), beginning
// with first_value<kCount>(l), at the front.
template <int kCount>
__device__ __forceinline__ void sum_over_lanes(float (&values)[kCount]) {
  static_assert((kCount & (kCount - 1)) == 0, "a power of two");
  const int lane = lane_index();
  int left = kCount;
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    if (left > 1) {
      left /= 2;
      const bool upper = (lane & offset) != 0;
#pragma unroll
      for (int i = 0; i < kCount / 2; i++) {
        if (i >= left) break;
        const float given = upper ? values[i] : values[i + left];
        const float kept = upper ? values[i + left] : values[i];
        values[i] = kept + __shfl_xor_sync(kAllLanes, given, offset);
      }
    } else {
      values[0] += __shfl_xor_sync(kAllLanes, values[0], offset);
    }
  }
}

template <int kCount>
__device__ __forceinline__ int first_value(int lane) {
  int first = 0, left = kCount;
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    if (left == 1) break;
    left /= 2;
    if ((lane & offset) != 0) first += left;
  }
  return first;
}

}  // namespace spl::cuda
