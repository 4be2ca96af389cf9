// Weights by inputs, [K, pitch], made once per session.
#include "cuda/kernels/device.h"
#include "cuda/kernels/gemm.h"

namespace spl::cuda {
namespace {

constexpr int kTile = 32, kRows = 8, kThreads = kTile * kRows;

// Through shared memory, so that both sides are read and written along their rows.
template <class T>
__global__ void transpose_kernel(const T* w, int64_t k, int64_t outputs, int64_t pitch, T* to) {
  __shared__ T tile[kTile][kTile + 1];
  const int x = lane_index(), y = warp_index();
  const int64_t k0 = static_cast<int64_t>(blockIdx.x) * kTile;
  for (int64_t o0 = static_cast<int64_t>(blockIdx.y) * kTile; o0 < pitch;
       o0 += static_cast<int64_t>(gridDim.y) * kTile) {
    for (int i = y; i < kTile; i += kRows)
      tile[i][x] = o0 + i < outputs && k0 + x < k ? w[(o0 + i) * k + k0 + x] : T(0);
    __syncthreads();
    for (int i = y; i < kTile; i += kRows)
      if (k0 + i < k && o0 + x < pitch) to[(k0 + i) * pitch + o0 + x] = tile[x][i];
    __syncthreads();
  }
}

template <class T>
__global__ void pad_kernel(const T* w, int64_t k, int64_t outputs, int64_t pitch, T* to) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= k * pitch) return;
  const int64_t o = i % pitch;
  to[i] = o < outputs ? w[i / pitch * outputs + o] : T(0);
}

template <class T>
Status make(const void* w, bool by_inputs, int64_t k, int64_t outputs, size_t pitch_bytes, void* to,
            Stream stream) {
  const auto pitch = static_cast<int64_t>(pitch_bytes / sizeof(T));
  if (by_inputs) {
    const dim3 grid(static_cast<unsigned>(ceil_div(k * pitch, kThreads)));
    return launch(pad_kernel<T>, grid, kThreads, stream, static_cast<const T*>(w), k, outputs,
                  pitch, static_cast<T*>(to));
  }
  const int64_t tiles = ceil_div(pitch, kTile);
  const dim3 grid(static_cast<unsigned>(ceil_div(k, kTile)),
                  static_cast<unsigned>(tiles < 65535 ? tiles : 65535));
  return launch(transpose_kernel<T>, grid, kThreads, stream, static_cast<const T*>(w), k, outputs,
                pitch, static_cast<T*>(to));
}

}  // namespace

Status make_columns(Weights type, const void* w, bool by_inputs, int64_t k, int64_t outputs,
                    void* columns, Stream stream) {
  if (k < 1 || outputs < 1) return kBadSizes;
  const size_t pitch = columns_bytes(type, 1, outputs);
  switch (type) {  // only the size of a weight matters
    case Weights::kFloat:
      return make<uint32_t>(w, by_inputs, k, outputs, pitch, columns, stream);
    case Weights::kHalf:
      return make<uint16_t>(w, by_inputs, k, outputs, pitch, columns, stream);
    default:
      return make<uint8_t>(w, by_inputs, k, outputs, pitch, columns, stream);
  }
}

}  // namespace spl::cuda
