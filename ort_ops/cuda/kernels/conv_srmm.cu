// SRMM on images. Without a selection every tile is computed whole. With one, a block first looks
// which windows select places of its tile, and computes those outputs alone while they are few.
#include "cuda/kernels/conv.h"
#include "cuda/kernels/conv_tile.h"
#include "cuda/kernels/epilogue.h"
#include "cuda/kernels/image.h"

namespace spl::cuda {
namespace {

// Selected outputs of a tile that are computed one by one, kMine per thread. Each costs two 16-byte
// reads of shared memory per four products, where the whole tile at once needs three per 32: up to
// an eighth of the tile that is the shorter way.
constexpr int kMine = 4, kMostListed = kTileThreads * kMine;

struct Srmm {
  ConvSizes c;
  const uint32_t* x;
  const uint32_t* w;
  const uint8_t* s;
  Addends<float> addends;
  Clamp clamp;
  float* y;
  int most_listed;

  __device__ float value(const TilePlace& at, int oy, int ox, int o, float sum) const {
    const int64_t position = ((int64_t{at.n} * c.conv_h + oy) * c.conv_w + ox) * c.outputs + o;
    return clamped(clamp, addends.to(sum, o, position));
  }
  __device__ int64_t pooled(int n, int py, int px, int o) const {
    return ((int64_t{n} * c.pooled_h + py) * c.pooled_w + px) * c.outputs + o;
  }
};

// Values of all outputs before pooling, to y [N,oH,oW,O].
__global__ __launch_bounds__(kTileThreads) void all_values_kernel(const Srmm p) {
  __shared__ TileMemory memory;
  const TilePlace at(p.c, blockIdx.x, static_cast<int>(blockIdx.y));
  float sums[kMyPlaces][kMyOutputs] = {};
  dense_sums<FloatWords>(p.c, at, p.x, p.w, 0, memory, sums);
  for_outputs(p.c, at, sums, [&](int y, int x, int o, float sum) {
    p.y[((int64_t{at.n} * p.c.conv_h + y) * p.c.conv_w + x) * p.c.outputs + o] =
        p.value(at, y, x, o, sum);
  });
}

// What selections make known before anything is computed: 0, or a refused code.
__global__ void start_outputs_kernel(const Srmm p, int64_t count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int code = p.s[i], place = code - 1;
  const int64_t pixel = i / p.c.outputs;
  const int px = static_cast<int>(pixel % p.c.pooled_w);
  const int py = static_cast<int>(pixel / p.c.pooled_w % p.c.pooled_h);
  const int y = py * p.c.pool_stride_h - p.c.pool_pad_h + place / p.c.pool_w;
  const int x = px * p.c.pool_stride_w - p.c.pool_pad_w + place % p.c.pool_w;
  if (code == 0)
    p.y[i] = 0.0f;
  else if (code > p.c.pool_h * p.c.pool_w || y < 0 || y >= p.c.conv_h || x < 0 || x >= p.c.conv_w)
    p.y[i] = refused_value();
}

// The windows that have places in a tile, as far as they exist.
struct Windows {
  int py0, px0, rows, columns;

  __device__ Windows(const ConvSizes& c, const TilePlace& at) {
    along(at.y0, kPlaces >> c.tile_w_bits, c.conv_h, c.pool_h, c.pool_stride_h, c.pool_pad_h,
          c.pooled_h, &py0, &rows);
    along(at.x0, 1 << c.tile_w_bits, c.conv_w, c.pool_w, c.pool_stride_w, c.pool_pad_w, c.pooled_w,
          &px0, &columns);
  }
  __device__ int count() const { return rows * columns; }

 private:
  __device__ static void along(int first, int size, int image, int window, int stride, int pad,
                               int pooled, int* begin, int* count) {
    const int last = (first + size < image ? first + size : image) - 1;
    const int low = first + pad - window + 1;  // the window that ends at `first`
    *begin = low <= 0 ? 0 : (low + stride - 1) / stride;
    int end = (last + pad) / stride + 1;
    end = end < pooled ? end : pooled;
    *count = end > *begin ? end - *begin : 0;
  }
};

// A selected output: its place in the tile, its output channel in the tile, its window.
struct Entry {
  int window;
  uint8_t place, output;
};

// The output of window `index` (all outputs of a window in turn); false where the tile has not
// what it selects.
__device__ __forceinline__ bool find_entry(const Srmm& p, const TilePlace& at, const Windows& w,
                                           int index, Entry* entry) {
  const ConvSizes& c = p.c;
  entry->window = index / kOutputs;
  entry->output = static_cast<uint8_t>(index % kOutputs);
  if (entry->window >= w.count() || entry->output >= at.count) return false;
  const int py = w.py0 + entry->window / w.columns, px = w.px0 + entry->window % w.columns;
  const int code = p.s[p.pooled(at.n, py, px, at.o0 + entry->output)], place = code - 1;
  if (code == 0 || code > c.pool_h * c.pool_w) return false;
  const int y = py * c.pool_stride_h - c.pool_pad_h + place / c.pool_w;
  const int x = px * c.pool_stride_w - c.pool_pad_w + place % c.pool_w;
  const int ty = y - at.y0, tx = x - at.x0;
  if (ty < 0 || tx < 0 || ty >= kPlaces >> c.tile_w_bits || tx >= 1 << c.tile_w_bits ||
      y >= c.conv_h || x >= c.conv_w)
    return false;
  entry->place = static_cast<uint8_t>((ty << c.tile_w_bits) + tx);
  return true;
}

__device__ __forceinline__ void write_entry(const Srmm& p, const TilePlace& at, const Windows& w,
                                            const Entry& entry, float sum) {
  const int py = w.py0 + entry.window / w.columns, px = w.px0 + entry.window % w.columns;
  const int o = at.o0 + entry.output;
  p.y[p.pooled(at.n, py, px, o)] =
      p.value(at, at.y(p.c, entry.place), at.x(p.c, entry.place), o, sum);
}

// Writes the selected outputs of the tile to `entries` as far as they fit and returns how many
// there are. Their order is of no consequence: each has a sum of its own.
__device__ int list_entries(const Srmm& p, const TilePlace& at, const Windows& w, Entry* entries,
                            int* counter) {
  if (threadIdx.x == 0) *counter = 0;
  __syncthreads();
  const int all = w.count() * kOutputs;
  for (int base = 0; base < all; base += kTileThreads) {
    Entry entry;
    const bool found = find_entry(p, at, w, base + static_cast<int>(threadIdx.x), &entry);
    const unsigned chosen = __ballot_sync(kAllLanes, found);
    if (chosen == 0) continue;
    int first = 0;
    if (lane_index() == 0) first = atomicAdd(counter, __popc(chosen));
    first = __shfl_sync(kAllLanes, first, 0);
    const int position = first + __popc(chosen & ((1u << lane_index()) - 1));
    if (found && position < kMostListed) entries[position] = entry;
  }
  __syncthreads();
  return *counter;
}

__device__ void listed_outputs(const Srmm& p, const TilePlace& at, const Windows& w,
                               const Entry* entries, int count, TileMemory& memory) {
  float sums[kMine] = {};
  for_pieces(p.c, at, p.x, p.w, 0, memory, [&] {
#pragma unroll
    for (int i = 0; i < kMine; i++) {
      const int index = static_cast<int>(threadIdx.x) + i * kTileThreads;
      if (index >= count) break;
      const uint32_t* input = memory.inputs[entries[index].place];
      const uint32_t* weights = memory.weights[entries[index].output];
#pragma unroll
      for (int k = 0; k < kPiece; k += 4)
        sums[i] = add_words<FloatWords>(*reinterpret_cast<const uint4*>(input + k),
                                        *reinterpret_cast<const uint4*>(weights + k), sums[i]);
    }
  });
#pragma unroll
  for (int i = 0; i < kMine; i++) {
    const int index = static_cast<int>(threadIdx.x) + i * kTileThreads;
    if (index < count) write_entry(p, at, w, entries[index], sums[i]);
  }
}

__device__ void all_outputs(const Srmm& p, const TilePlace& at, const Windows& w,
                            TileMemory& memory) {
  float sums[kMyPlaces][kMyOutputs] = {};
  dense_sums<FloatWords>(p.c, at, p.x, p.w, 0, memory, sums);
  // Windows pick their places from all threads' sums.
  static_assert(sizeof(TileMemory) >= sizeof(float) * kPlaces * (kOutputs + 1), "room for sums");
  auto* shared = reinterpret_cast<float(*)[kOutputs + 1]>(&memory);
#pragma unroll
  for (int i = 0; i < kMyPlaces; i++)
#pragma unroll
    for (int j = 0; j < kMyOutputs; j++) shared[my_place(i)][my_output(j)] = sums[i][j];
  __syncthreads();
  const int all = w.count() * kOutputs;
  for (int index = static_cast<int>(threadIdx.x); index < all; index += kTileThreads) {
    Entry entry;
    if (find_entry(p, at, w, index, &entry))
      write_entry(p, at, w, entry, shared[entry.place][entry.output]);
  }
}

__global__ __launch_bounds__(kTileThreads) void selected_values_kernel(const Srmm p) {
  __shared__ TileMemory memory;
  __shared__ Entry entries[kMostListed];
  __shared__ int counter;
  const TilePlace at(p.c, blockIdx.x, static_cast<int>(blockIdx.y));
  const Windows windows(p.c, at);
  const int count = list_entries(p, at, windows, entries, &counter);
  if (count == 0) return;
  if (count <= p.most_listed)
    listed_outputs(p, at, windows, entries, count, memory);
  else
    all_outputs(p, at, windows, memory);
}

dim3 tile_grid(const ConvSizes& c, int64_t images) {
  return dim3(static_cast<unsigned>(images * c.tiles_h * c.tiles_w),
              static_cast<unsigned>(c.groups * c.tiles_o));
}

Status all_values(const ConvShape& shape, Srmm p, const ConvSrmm& call, void* scratch,
                  Stream stream) {
  const bool pooled = shape.pooled();
  p.y = pooled ? static_cast<float*>(scratch) : call.y;
  return first_failure(launch(all_values_kernel, tile_grid(p.c, shape.N), kTileThreads, stream, p),
                       [&]() -> Status {
                         if (!pooled) return 0;
                         return max_pool(shape, static_cast<const float*>(scratch), call.y, stream);
                       });
}

Status selected_values(const ConvShape& shape, Srmm p, const ConvSrmm& call, Stream stream) {
  constexpr int kThreads = 256;
  p.most_listed = call.strategy == Strategy::kDense ? 0 : kMostListed;
  const int64_t count = shape.outputs();
  const dim3 blocks(static_cast<unsigned>(ceil_div(count, kThreads)));
  return first_failure(launch(start_outputs_kernel, blocks, kThreads, stream, p, count), [&] {
    return launch(selected_values_kernel, tile_grid(p.c, shape.N), kTileThreads, stream, p);
  });
}

}  // namespace

size_t conv_srmm_scratch(const ConvShape& shape, bool selects) {
  if (selects || !shape.pooled()) return 0;
  return static_cast<size_t>(shape.N * shape.oH * shape.oW * shape.O) * sizeof(float);
}

Status conv_srmm(const ConvShape& shape, const ConvSrmm& call, void* scratch, Stream stream) {
  if (const Status status = check_conv(shape)) return status;
  if (shape.outputs() == 0) return 0;
  Srmm p{};
  p.c = conv_sizes(shape, shape.Cg, is_wide(call.x) && is_wide(call.w));
  p.x = reinterpret_cast<const uint32_t*>(call.x);
  p.w = reinterpret_cast<const uint32_t*>(call.w);
  p.s = call.s;
  p.addends = {call.bias, call.residual, call.one_residual};
  p.clamp = call.clamp;
  p.y = call.y;
  return call.s == nullptr ? all_values(shape, p, call, scratch, stream)
                           : selected_values(shape, p, call, stream);
}

Status check_conv(const ConvShape& s) {
  if (s.N < 0 || s.O < 1 || s.kH < 1 || s.kW < 1 || s.Cg < 1 || s.pH < 0 || s.pW < 0)
    return kBadSizes;
  const int64_t image = s.H * s.W * s.C, conv = s.oH * s.oW * s.O, most = INT32_MAX;
  const int64_t tiles = ceil_div(s.Og(), kOutputs) * s.at.group;
  // Places are counted in 32 bits, from the padding's first to a tile beyond the last.
  const int64_t high = s.H + s.at.pads[0] + s.at.pads[2], wide = s.W + s.at.pads[1] + s.at.pads[3];
  if (high > most / 2 || wide > most / 2 || image > most || conv > most ||
      s.O * s.K() > most * int64_t{4} || s.K() > most / 2 || s.N * s.oH * s.oW > most ||
      tiles > 65535 || s.outputs() / 256 >= most)
    return kTooLarge;
  return 0;
}

}  // namespace spl::cuda
