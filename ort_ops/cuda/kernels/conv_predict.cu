// SPLPredict on images: all scores of a tile, then the selection. Without pooling the tile writes
// the selection itself; with it, scores go to scratch memory first, where windows look for their
// best.
#include "cuda/kernels/conv.h"
#include "cuda/kernels/conv_tile.h"
#include "cuda/kernels/epilogue.h"
#include "cuda/kernels/image.h"
#include "cuda/kernels/quantize.h"

namespace spl::cuda {
namespace {

constexpr int kThreads = 256;

struct Predict {
  ConvSizes c;
  const uint32_t* x;  // float32, or quantised: four channels in a word
  const uint32_t* w;
  const int* weight_sums;  // int8 only, like the next two
  const float* weight_scale;
  const Quantization* quantization;  // [N]
  Addends<float> addends;
  uint8_t* s;     // [N,oH,oW,O] without pooling
  float* scores;  // [N,oH,oW,O] with pooling
  bool select_all;

  __device__ void store(int n, int y, int x_at, int o, float score) const {
    const int64_t at = ((int64_t{n} * c.conv_h + y) * c.conv_w + x_at) * c.outputs + o;
    if (scores != nullptr)
      scores[at] = score;
    else
      s[at] = select_all || score > 0.0f;
  }
  __device__ float residual(int n, int y, int x_at, int o) const {
    return addends.residual_at(((int64_t{n} * c.conv_h + y) * c.conv_w + x_at) * c.outputs + o);
  }
};

__global__ __launch_bounds__(kTileThreads) void float_scores_kernel(const Predict p) {
  __shared__ TileMemory memory;
  const TilePlace at(p.c, blockIdx.x, static_cast<int>(blockIdx.y));
  float sums[kMyPlaces][kMyOutputs] = {};
  dense_sums<FloatWords>(p.c, at, p.x, p.w, 0, memory, sums);
  for_outputs(p.c, at, sums, [&](int y, int x, int o, float sum) {
    p.store(at.n, y, x, o, sum + load(p.addends.bias + o) + p.residual(at.n, y, x, o));
  });
}

__global__ __launch_bounds__(kTileThreads) void int8_scores_kernel(const Predict p) {
  __shared__ TileMemory memory;
  const TilePlace at(p.c, blockIdx.x, static_cast<int>(blockIdx.y));
  const Quantization q = p.quantization[at.n];
  const int zero = static_cast<int>(q.zero);
  int sums[kMyPlaces][kMyOutputs] = {};
  // Padding is the zero point, so that the correction by all weights holds at the border too.
  dense_sums<ByteWords>(p.c, at, p.x, p.w, static_cast<uint32_t>(zero) * 0x01010101u, memory, sums);
  for_outputs(p.c, at, sums, [&](int y, int x, int o, int sum) {
    p.store(at.n, y, x, o,
            q.score(sum - zero * load(p.weight_sums + o), load(p.weight_scale + o),
                    load(p.addends.bias + o), p.residual(at.n, y, x, o)));
  });
}

// --- Quantisation --------------------------------------------------------------------------------
__global__ void quantizations_kernel(const InputScale scale, int64_t images, Quantization* to) {
  const int64_t n = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (n < images) to[n] = scale.of_entry(n);
}

// A thread makes one word: four channels of a group of a pixel, 0 behind the last.
__global__ void quantize_kernel(const float* x, int64_t count, int64_t words_per_image, int words,
                                int group_channels, const Quantization* quantizations,
                                uint32_t* to) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const Quantization q = quantizations[i / words_per_image];
  const int first = static_cast<int>(i % words) * 4;
  const float* from = x + i / words * group_channels + first;
  uint32_t word = 0;
  for (int c = 0; c < 4; c++)
    if (first + c < group_channels) word |= q.level(load(from + c)) << 8 * c;
  to[i] = word;
}

// One warp per output: its bytes in words, and their sum.
__global__ void pack_filters_kernel(const int8_t* w, int64_t outputs, int taps, int words,
                                    int group_channels, uint32_t* to, int* sums) {
  const int64_t o = static_cast<int64_t>(blockIdx.x) * (kThreads / kWarp) + warp_index();
  int sum = 0;
  for (int i = lane_index(); i < taps * words && o < outputs; i += kWarp) {
    const int tap = i / words, first = i % words * 4;
    const int8_t* from = w + (o * taps + tap) * group_channels + first;
    uint32_t word = 0;
    for (int c = 0; c < 4; c++) {
      const int8_t weight = first + c < group_channels ? from[c] : int8_t{0};
      word |= static_cast<uint32_t>(static_cast<uint8_t>(weight)) << 8 * c;
      sum += weight;
    }
    to[o * taps * words + i] = word;
  }
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    sum += __shfl_xor_sync(kAllLanes, sum, offset);
  if (lane_index() == 0 && o < outputs) sums[o] = sum;
}

int64_t group_words(const ConvShape& shape) { return ceil_div(shape.Cg, 4); }
int64_t image_words(const ConvShape& shape) {
  return shape.H * shape.W * shape.at.group * group_words(shape);
}
size_t filter_bytes(const ConvShape& shape) {
  return aligned_bytes(static_cast<size_t>(shape.O * shape.taps() * group_words(shape)) * 4);
}

// The pieces of the scratch memory.
struct Room {
  float* scores;
  Quantization* quantizations;
  float* ranges;
  uint32_t* image;
  size_t bytes;

  Room(const ConvShape& s, bool packed, void* scratch) : bytes(0) {
    auto take = [&](size_t size) {
      char* place = static_cast<char*>(scratch) + bytes;
      bytes += aligned_bytes(size);
      return static_cast<void*>(place);
    };
    const size_t images = static_cast<size_t>(s.N);
    scores = static_cast<float*>(
        take(s.pooled() ? images * static_cast<size_t>(s.oH * s.oW * s.O) * sizeof(float) : 0));
    quantizations = static_cast<Quantization*>(take(packed ? images * sizeof(Quantization) : 0));
    ranges = static_cast<float*>(take(packed ? range_bytes(s.N, s.H * s.W * s.C) : 0));
    image = static_cast<uint32_t*>(
        take(packed ? images * static_cast<size_t>(image_words(s)) * sizeof(uint32_t) : 0));
  }
};

Status quantize(const ConvShape& s, const ConvPredict& call, const Room& room, Stream stream) {
  const int64_t size = s.H * s.W * s.C, words = s.N * image_words(s);
  InputScale scale{call.scale, call.zero, nullptr, 0};
  Status status = 0;
  if (!(call.scale > 0.0f)) {
    scale.ranges = room.ranges, scale.parts = range_parts(size);
    status = find_ranges(call.x, s.N, size, room.ranges, stream);
  }
  return first_failure(
      status,
      [&] {
        const dim3 grid(static_cast<unsigned>(ceil_div(s.N, kThreads)));
        return launch(quantizations_kernel, grid, kThreads, stream, scale, s.N, room.quantizations);
      },
      [&] {
        const dim3 grid(static_cast<unsigned>(ceil_div(words, kThreads)));
        return launch(quantize_kernel, grid, kThreads, stream, call.x, words, image_words(s),
                      static_cast<int>(group_words(s)), static_cast<int>(s.Cg), room.quantizations,
                      room.image);
      });
}

}  // namespace

size_t packed_filter_bytes(const ConvShape& shape) {
  return filter_bytes(shape) + static_cast<size_t>(shape.O) * sizeof(int);
}

Status pack_filters(const ConvShape& shape, const int8_t* w, void* packed, Stream stream) {
  if (shape.K() > 65536) return kTooLarge;
  const dim3 grid(static_cast<unsigned>(ceil_div(shape.O, kThreads / kWarp)));
  return launch(pack_filters_kernel, grid, kThreads, stream, w, shape.O,
                static_cast<int>(shape.taps()), static_cast<int>(group_words(shape)),
                static_cast<int>(shape.Cg), static_cast<uint32_t*>(packed),
                reinterpret_cast<int*>(static_cast<char*>(packed) + filter_bytes(shape)));
}

size_t conv_predict_scratch(const ConvShape& shape, bool packed) {
  return Room(shape, packed, nullptr).bytes;
}

Status conv_predict(const ConvShape& shape, const ConvPredict& call, void* scratch, Stream stream) {
  if (const Status status = check_conv(shape)) return status;
  if (shape.outputs() == 0) return 0;
  const bool packed = call.packed != nullptr;
  const Room room(shape, packed, scratch);
  Predict p{};
  p.addends = {call.bias, call.residual, call.one_residual};
  p.s = call.s;
  p.scores = shape.pooled() ? room.scores : nullptr;
  p.select_all = call.select_all;
  if (packed) {
    p.c = conv_sizes(shape, group_words(shape), true);
    p.x = room.image;
    p.w = static_cast<const uint32_t*>(call.packed);
    p.weight_sums =
        reinterpret_cast<const int*>(static_cast<const char*>(call.packed) + filter_bytes(shape));
    p.weight_scale = call.weight_scale;
    p.quantization = room.quantizations;
  } else {
    p.c = conv_sizes(shape, shape.Cg, is_wide(call.x) && is_wide(call.weights));
    p.x = reinterpret_cast<const uint32_t*>(call.x);
    p.w = reinterpret_cast<const uint32_t*>(call.weights);
  }
  const dim3 grid(static_cast<unsigned>(shape.N * p.c.tiles_h * p.c.tiles_w),
                  static_cast<unsigned>(p.c.groups * p.c.tiles_o));
  return first_failure(
      packed ? quantize(shape, call, room, stream) : 0,
      [&] {
        return launch(packed ? int8_scores_kernel : float_scores_kernel, grid, kTileThreads, stream,
                      p);
      },
      [&]() -> Status {
        if (!shape.pooled()) return 0;
        return best_places(shape, room.scores, call.select_all, call.s, stream);
      });
}

}  // namespace spl::cuda
