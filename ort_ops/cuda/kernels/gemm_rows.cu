// Matrix products that read whole weight rows, only those that are selected. Bound by reading
// weights: a block takes a few rows from the list, its warps share the length of a row, and every
// lane has four 16-byte loads under way before it uses the first.
#include "cuda/kernels/epilogue.h"
#include "cuda/kernels/gemm.h"
#include "cuda/kernels/warp_sums.h"

namespace spl::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr int kTile = 16;  // rows of X that share what is read of the weights
constexpr int kLoads = 4;  // under way per lane
// About what the largest cards hold at once. A block goes on along the list by this step, so all
// get equally many rows whatever the selection looks like.
constexpr int64_t kBlocks = 1056;

template <class T>
struct Rows {
  const T* x;
  const T* w;
  const uint8_t* s;
  Addends<T> addends;
  Clamp clamp;
  T* y;
  int64_t rows, k, outputs;
  int warps_per_row;
  int* counts;  // [tiles]: selected weight rows
  int* lists;   // [tiles, O]: which; null = all
};

template <class T>
__global__ void list_rows_kernel(const Rows<T> p) {
  __shared__ int warp_first[kWarps];
  const int64_t o = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t tile = blockIdx.y, first = tile * kTile;
  const int64_t last = first + kTile < p.rows ? first + kTile : p.rows;
  bool any = false;
  if (o < p.outputs) {
    for (int64_t row = first; row < last; row++) any |= p.s[row * p.outputs + o] != 0;
    // Rows on the list write all their outputs; the others are known to be 0 here.
    for (int64_t row = first; row < last && !any; row++)
      p.y[row * p.outputs + o] = from_float<T>(0.0f);
  }
  const unsigned chosen = __ballot_sync(kAllLanes, any);
  if (lane_index() == 0) warp_first[warp_index()] = __popc(chosen);
  __syncthreads();
  if (threadIdx.x == 0) {
    int total = 0;
    for (int warp = 0; warp < kWarps; warp++) {
      const int count = warp_first[warp];
      warp_first[warp] = total;
      total += count;
    }
    const int begin = total > 0 ? atomicAdd(p.counts + tile, total) : 0;
    for (int warp = 0; warp < kWarps; warp++) warp_first[warp] += begin;
  }
  __syncthreads();
  const unsigned before = chosen & ((1u << lane_index()) - 1);
  if (any)
    p.lists[tile * p.outputs + warp_first[warp_index()] + __popc(before)] = static_cast<int>(o);
}

// Sums of kW weight rows with kX rows of X over the chunks of one lane. Chunks come in the same
// order whatever kX and kW are.
template <class Chunk, int kX, int kW, class T>
__device__ __forceinline__ void lane_sums(const Rows<T>& p, const T* const (&x)[kX],
                                          const int64_t (&o)[kW], int first,
                                          float (&sums)[kX * kW]) {
  using Type = typename Chunk::Type;
  constexpr int kDepth = kLoads / kW;
  const int64_t chunks = p.k / Chunk::kCount, step = p.warps_per_row * kWarp;
  for (int64_t begin = first; begin < chunks; begin += step * kDepth) {
    Type w[kDepth][kW];
#pragma unroll
    for (int d = 0; d < kDepth; d++)
#pragma unroll
      for (int i = 0; i < kW; i++) {
        const int64_t at = begin + d * step;
        w[d][i] = at < chunks ? load_once(reinterpret_cast<const Type*>(p.w + o[i] * p.k) + at)
                              : Chunk::zero();
      }
#pragma unroll
    for (int d = 0; d < kDepth; d++) {
      const int64_t at = begin + d * step;
      if (at >= chunks) break;
#pragma unroll
      for (int m = 0; m < kX; m++) {
        const Type values = load(reinterpret_cast<const Type*>(x[m]) + at);
#pragma unroll
        for (int i = 0; i < kW; i++)
          sums[m * kW + i] = Chunk::dot(w[d][i], values, sums[m * kW + i]);
      }
    }
  }
}

template <class T>
__device__ __forceinline__ void write_output(const Rows<T>& p, int64_t row, int64_t o, float sum) {
  const int64_t at = row * p.outputs + o;
  const float value = clamped(p.clamp, p.addends.to(sum, o, at));
  p.y[at] = from_float<T>(selected_value(p.s == nullptr ? 1 : p.s[at], value));
}

template <class Chunk, int kX, int kW, class T>
__global__ __launch_bounds__(kThreads) void row_products_kernel(const Rows<T> p) {
  constexpr int kSums = kX * kW, kLaneSums = kSums > kWarp ? kSums / kWarp : 1;
  __shared__ float partial[kWarps][kSums];
  const int64_t tile = blockIdx.y;
  const int groups = kWarps / p.warps_per_row, group = warp_index() / p.warps_per_row;
  const int first = (warp_index() % p.warps_per_row) * kWarp + lane_index();
  const int64_t count = p.lists == nullptr ? p.outputs : p.counts[tile];
  const int* list = p.lists == nullptr ? nullptr : p.lists + tile * p.outputs;
  const T* x[kX];
#pragma unroll
  for (int m = 0; m < kX; m++) {
    const int64_t row = tile * kTile + m;
    x[m] = p.x + (row < p.rows ? row : p.rows - 1) * p.k;
  }
  for (int64_t base = static_cast<int64_t>(blockIdx.x) * groups * kW; base < count;
       base += static_cast<int64_t>(gridDim.x) * groups * kW) {
    int64_t o[kW];
#pragma unroll
    for (int i = 0; i < kW; i++) {
      const int64_t entry = base + group * kW + i;
      const int64_t at = entry < count ? entry : count - 1;
      o[i] = list == nullptr ? at : list[at];
    }
    float sums[kSums] = {};
    lane_sums<Chunk, kX, kW>(p, x, o, first, sums);
    sum_over_lanes(sums);
#pragma unroll
    for (int i = 0; i < kLaneSums; i++)
      partial[warp_index()][first_value<kSums>(lane_index()) + i] = sums[i];
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < groups * kSums; i += kThreads) {
      const int m = i % kSums / kW, from = i / kSums;
      const int64_t row = tile * kTile + m, entry = base + from * kW + i % kW;
      if (row >= p.rows || entry >= count) continue;
      float sum = 0.0f;
      for (int warp = 0; warp < p.warps_per_row; warp++)
        sum += partial[from * p.warps_per_row + warp][i % kSums];
      write_output(p, row, list == nullptr ? entry : list[entry], sum);
    }
    __syncthreads();
  }
}

template <class Chunk, int kX, int kW, class T>
Status multiply_rows(const Rows<T>& p, int64_t tiles, Stream stream) {
  const int64_t wanted = ceil_div(p.outputs, kWarps / p.warps_per_row * kW);
  const dim3 grid(static_cast<unsigned>(wanted < kBlocks ? wanted : kBlocks),
                  static_cast<unsigned>(tiles));
  return launch(row_products_kernel<Chunk, kX, kW, T>, grid, kThreads, stream, p);
}

template <class Chunk, class T>
Status multiply_rows(Rows<T> p, int64_t tiles, Stream stream) {
  // So many warps that a lane has about kLoads chunks of a row: it then loads them all at once.
  p.warps_per_row = 1;
  while (p.warps_per_row < kWarps &&
         p.k / Chunk::kCount > int64_t{p.warps_per_row} * kWarp * kLoads)
    p.warps_per_row *= 2;
  if (p.rows == 1) return multiply_rows<Chunk, 1, 1>(p, tiles, stream);
  if (p.rows <= 4) return multiply_rows<Chunk, 4, 2>(p, tiles, stream);
  // Four weight rows share what is read of X; with float16 they would take too many registers.
  constexpr int kTogether = sizeof(T) == sizeof(float) ? 4 : 2;
  return multiply_rows<Chunk, 16, kTogether>(p, tiles, stream);
}

// Rows and columns of a part of the call whose tiles fit into one grid.
template <class T>
Rows<T> rows_of(const GemmSrmm& call, bool all, int64_t first, int64_t rows, void* scratch) {
  const GemmShape& shape = call.shape;
  const int64_t at = first * shape.outputs;
  const T* residual = static_cast<const T*>(call.residual);
  if (residual != nullptr && !call.one_residual) residual += at;
  const size_t counts = aligned_bytes(static_cast<size_t>(ceil_div(rows, kTile)) * sizeof(int));
  return {static_cast<const T*>(call.x) + first * shape.k,
          static_cast<const T*>(call.w),
          call.s == nullptr ? nullptr : call.s + at,
          {static_cast<const T*>(call.bias), residual, call.one_residual},
          call.clamp,
          static_cast<T*>(call.y) + at,
          rows,
          shape.k,
          shape.outputs,
          1,
          static_cast<int*>(scratch),
          all ? nullptr : reinterpret_cast<int*>(static_cast<char*>(scratch) + counts)};
}

constexpr int64_t kMostRows = int64_t{1024} * kTile;  // of one launch, which bounds the scratch

template <class T>
Status srmm_rows(const GemmSrmm& call, bool all, void* scratch, Stream stream) {
  const GemmShape& shape = call.shape;
  const bool wide = shape.k % Wide<T>::kCount == 0 && is_wide(call.x) && is_wide(call.w);
  for (int64_t first = 0; first < shape.rows; first += kMostRows) {
    const int64_t rows = shape.rows - first < kMostRows ? shape.rows - first : kMostRows;
    const int64_t tiles = ceil_div(rows, kTile);
    const Rows<T> p = rows_of<T>(call, all, first, rows, scratch);
    const Status status = first_failure(
        0,
        [&]() -> Status {
          if (p.lists == nullptr) return 0;
          return static_cast<Status>(
              cudaMemsetAsync(p.counts, 0, static_cast<size_t>(tiles) * sizeof(int), stream));
        },
        [&]() -> Status {
          if (p.lists == nullptr) return 0;
          const dim3 grid(static_cast<unsigned>(ceil_div(p.outputs, kThreads)),
                          static_cast<unsigned>(tiles));
          return launch(list_rows_kernel<T>, grid, kThreads, stream, p);
        },
        [&] {
          return wide ? multiply_rows<Wide<T>>(p, tiles, stream)
                      : multiply_rows<Narrow<T>>(p, tiles, stream);
        });
    if (status != 0) return status;
  }
  return 0;
}

}  // namespace

size_t gemm_rows_scratch(const GemmShape& shape) {
  const int64_t tiles = ceil_div(shape.rows < kMostRows ? shape.rows : kMostRows, kTile);
  return aligned_bytes(static_cast<size_t>(tiles) * sizeof(int)) +
         static_cast<size_t>(tiles * shape.outputs) * sizeof(int);
}

Status gemm_srmm_rows(const GemmSrmm& call, bool all, void* scratch, Stream stream) {
  const GemmShape& shape = call.shape;
  if (shape.rows < 0 || shape.k < 1 || shape.outputs < 1) return kBadSizes;
  if (shape.outputs > INT32_MAX) return kTooLarge;
  all = all || call.s == nullptr;
  return call.element == Element::kFloat ? srmm_rows<float>(call, all, scratch, stream)
                                         : srmm_rows<Half>(call, all, scratch, stream);
}

}  // namespace spl::cuda
