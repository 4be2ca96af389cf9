// Weights [O, K] to [K, pitch], made once per session.
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
Status transpose(const void* w, int64_t k, int64_t outputs, void* to, Stream stream) {
  const int64_t pitch = static_cast<int64_t>(transposed_bytes(sizeof(T) == 4   ? Weights::kFloat
                                                              : sizeof(T) == 2 ? Weights::kHalf
                                                                               : Weights::kInt8,
                                                              1, outputs) /
                                             sizeof(T));
  const int64_t tiles = ceil_div(pitch, kTile);
  const dim3 grid(static_cast<unsigned>(ceil_div(k, kTile)),
                  static_cast<unsigned>(tiles < 65535 ? tiles : 65535));
  return launch(transpose_kernel<T>, grid, kThreads, stream, static_cast<const T*>(w), k, outputs,
                pitch, static_cast<T*>(to));
}

}  // namespace

Status transpose_weights(Weights type, const void* w, int64_t k, int64_t outputs, void* transposed,
                         Stream stream) {
  if (k < 1 || outputs < 1) return kBadSizes;
  switch (type) {  // only the size of a weight matters
    case Weights::kFloat:
      return transpose<uint32_t>(w, k, outputs, transposed, stream);
    case Weights::kHalf:
      return transpose<uint16_t>(w, k, outputs, transposed, stream);
    default:
      return transpose<uint8_t>(w, k, outputs, transposed, stream);
  }
}

}  // namespace spl::cuda
