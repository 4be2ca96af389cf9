// One tile of a convolution: the sums of kPlaces places of the output image with kOutputs outputs
// of a group, as one block computes them. Numbers are 32-bit words: a float, or four 8-bit
// channels.
#pragma once

#include "cuda/kernels/element.h"
#include "kernels/shape/geometry.h"

namespace spl::cuda {

constexpr int kPlaces = 64, kOutputs = 64, kTileThreads = 128;
constexpr int kPiece = 32;        // words of K that are in shared memory at once
constexpr int kRow = kPiece + 4;  // keeps the 16-byte reads of 8 rows in different banks
constexpr int kMyPlaces = 8, kMyOutputs = 4;

// The sizes of a ConvShape as kernels want them.
struct ConvSizes {
  int height, width, outputs, group_outputs, groups;
  int kernel_h, kernel_w, words;  // words per group and pixel
  int stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  int conv_h, conv_w, pooled_h, pooled_w;
  int pool_h, pool_w, pool_stride_h, pool_stride_w, pool_pad_h, pool_pad_w;
  int tile_w_bits, tiles_h, tiles_w, tiles_o;  // a tile is 2^tile_w_bits places wide
  bool wide;                                   // 16-byte reads

  __device__ int k() const { return kernel_h * kernel_w * words; }
};

inline ConvSizes conv_sizes(const ConvShape& s, int64_t words, bool aligned) {
  auto narrow = [](int64_t v) { return static_cast<int>(v); };
  const ConvAttributes& at = s.at;
  ConvSizes c{};
  c.height = narrow(s.H), c.width = narrow(s.W);
  c.outputs = narrow(s.O), c.group_outputs = narrow(s.Og()), c.groups = narrow(at.group);
  c.kernel_h = narrow(s.kH), c.kernel_w = narrow(s.kW), c.words = narrow(words);
  c.stride_h = narrow(at.strides[0]), c.stride_w = narrow(at.strides[1]);
  c.pad_h = narrow(at.pads[0]), c.pad_w = narrow(at.pads[1]);
  c.dilation_h = narrow(at.dilations[0]), c.dilation_w = narrow(at.dilations[1]);
  c.conv_h = narrow(s.oH), c.conv_w = narrow(s.oW);
  c.pooled_h = narrow(s.pH), c.pooled_w = narrow(s.pW);
  c.pool_h = narrow(at.pool_kernel[0]), c.pool_w = narrow(at.pool_kernel[1]);
  c.pool_stride_h = narrow(at.pool_strides[0]), c.pool_stride_w = narrow(at.pool_strides[1]);
  c.pool_pad_h = narrow(at.pool_pads[0]), c.pool_pad_w = narrow(at.pool_pads[1]);
  c.tiles_o = narrow(ceil_div(s.Og(), kOutputs));
  // The squarest tile that wastes the fewest places beyond the image.
  int64_t best = INT64_MAX;
  for (int bits : {3, 4, 5, 6, 2, 1, 0}) {
    const int64_t rows = ceil_div(s.oH, kPlaces >> bits), columns = ceil_div(s.oW, 1 << bits);
    if (rows * columns >= best) continue;
    best = rows * columns;
    c.tile_w_bits = bits, c.tiles_h = narrow(rows), c.tiles_w = narrow(columns);
  }
  c.wide = aligned && words % 4 == 0;
  return c;
}

// Where the tile of a block is.
struct TilePlace {
  int n, y0, x0;         // image, first place
  int group, o0, count;  // first output and how many; o0 counts from the first group on

  __device__ TilePlace(const ConvSizes& c, int64_t tile, int outputs) {
    const int per_image = c.tiles_h * c.tiles_w, in_image = static_cast<int>(tile % per_image);
    n = static_cast<int>(tile / per_image);
    y0 = in_image / c.tiles_w * (kPlaces >> c.tile_w_bits);
    x0 = in_image % c.tiles_w << c.tile_w_bits;
    group = outputs / c.tiles_o;
    const int first = outputs % c.tiles_o * kOutputs;
    o0 = group * c.group_outputs + first;
    count = c.group_outputs - first < kOutputs ? c.group_outputs - first : kOutputs;
  }
  __device__ int y(const ConvSizes& c, int place) const { return y0 + (place >> c.tile_w_bits); }
  __device__ int x(const ConvSizes& c, int place) const {
    return x0 + (place & ((1 << c.tile_w_bits) - 1));
  }
};

struct TileMemory {
  alignas(16) uint32_t inputs[kPlaces][kRow];
  alignas(16) uint32_t weights[kOutputs][kRow];
};

// --- Numbers -------------------------------------------------------------------------------------
struct FloatWords {
  using Sum = float;
  __device__ static __forceinline__ float add(uint32_t x, uint32_t w, float sum) {
    return fmaf(word_as_float(x), word_as_float(w), sum);
  }
};
struct ByteWords {
  using Sum = int;
  __device__ static __forceinline__ int add(uint32_t x, uint32_t w, int sum) {
    return dot4(x, w, sum);
  }
};
template <class Words>
__device__ __forceinline__ typename Words::Sum add_words(const uint4& x, const uint4& w,
                                                         typename Words::Sum sum) {
  sum = Words::add(x.x, w.x, sum);
  sum = Words::add(x.y, w.y, sum);
  sum = Words::add(x.z, w.z, sum);
  return Words::add(x.w, w.w, sum);
}

// --- Filling shared memory -----------------------------------------------------------------------
// One load of each row: kWords words from word k of K on. `padding` stands for pixels that are
// none.
template <int kWords>
__device__ __forceinline__ void load_piece(const ConvSizes& c, const TilePlace& at,
                                           const uint32_t* x, const uint32_t* w, int k0,
                                           uint32_t padding, TileMemory& memory) {
  constexpr int kPerRow = kPiece / kWords, kRowsAtOnce = kTileThreads / kPerRow;
  const int thread = static_cast<int>(threadIdx.x);
  const int in_row = thread % kPerRow * kWords, k = k0 + in_row, all = c.k();
  const int tap = k / c.words, channel = k % c.words;
  const int dy = tap / c.kernel_w * c.dilation_h - c.pad_h;
  const int dx = tap % c.kernel_w * c.dilation_w - c.pad_w;
  const int pixel_words = c.groups * c.words;
#pragma unroll 4
  for (int row = thread / kPerRow; row < kPlaces; row += kRowsAtOnce) {
    const int64_t iy = int64_t{at.y(c, row)} * c.stride_h + dy;
    const int64_t ix = int64_t{at.x(c, row)} * c.stride_w + dx;
    const bool inside = k < all && iy >= 0 && iy < c.height && ix >= 0 && ix < c.width;
    const int64_t from = ((int64_t{at.n} * c.height + iy) * c.width + ix) * pixel_words +
                         at.group * c.words + channel;
    const bool real = row < at.count && k < all;
    const int64_t weight = int64_t{at.o0 + row} * all + k;
    if constexpr (kWords == 4) {
      *reinterpret_cast<uint4*>(&memory.inputs[row][in_row]) =
          inside ? load(reinterpret_cast<const uint4*>(x + from))
                 : make_uint4(padding, padding, padding, padding);
      *reinterpret_cast<uint4*>(&memory.weights[row][in_row]) =
          real ? load(reinterpret_cast<const uint4*>(w + weight)) : make_uint4(0, 0, 0, 0);
    } else {
      memory.inputs[row][in_row] = inside ? load(x + from) : padding;
      memory.weights[row][in_row] = real ? load(w + weight) : 0;
    }
  }
}

// Calls add(piece) for all pieces of K, with the piece in shared memory.
template <class Add>
__device__ __forceinline__ void for_pieces(const ConvSizes& c, const TilePlace& at,
                                           const uint32_t* x, const uint32_t* w, uint32_t padding,
                                           TileMemory& memory, Add add) {
  static_assert(kPlaces == kOutputs, "load_piece fills both in one loop");
  for (int k0 = 0; k0 < c.k(); k0 += kPiece) {
    if (c.wide)
      load_piece<4>(c, at, x, w, k0, padding, memory);
    else
      load_piece<1>(c, at, x, w, k0, padding, memory);
    __syncthreads();
    add();
    __syncthreads();
  }
}

// --- All outputs of a tile -----------------------------------------------------------------------
// A thread has 8 places x 4 outputs; neighbours in a warp have neighbouring places.
__device__ __forceinline__ int my_place(int i) {
  return static_cast<int>(threadIdx.x) % (kPlaces / kMyPlaces) + i * (kPlaces / kMyPlaces);
}
__device__ __forceinline__ int my_output(int i) {
  return static_cast<int>(threadIdx.x) / (kPlaces / kMyPlaces) + i * (kOutputs / kMyOutputs);
}

template <class Words>
__device__ __forceinline__ void dense_sums(const ConvSizes& c, const TilePlace& at,
                                           const uint32_t* x, const uint32_t* w, uint32_t padding,
                                           TileMemory& memory,
                                           typename Words::Sum (&sums)[kMyPlaces][kMyOutputs]) {
  for_pieces(c, at, x, w, padding, memory, [&] {
#pragma unroll 2
    for (int k = 0; k < kPiece; k += 4) {
      uint4 weights[kMyOutputs];
#pragma unroll
      for (int j = 0; j < kMyOutputs; j++)
        weights[j] = *reinterpret_cast<const uint4*>(&memory.weights[my_output(j)][k]);
#pragma unroll
      for (int i = 0; i < kMyPlaces; i++) {
        const uint4 input = *reinterpret_cast<const uint4*>(&memory.inputs[my_place(i)][k]);
#pragma unroll
        for (int j = 0; j < kMyOutputs; j++)
          sums[i][j] = add_words<Words>(input, weights[j], sums[i][j]);
      }
    }
  });
}

// Calls store(y, x, o, sum) for all outputs of the tile that exist.
template <class Sum, class Store>
__device__ __forceinline__ void for_outputs(const ConvSizes& c, const TilePlace& at,
                                            const Sum (&sums)[kMyPlaces][kMyOutputs], Store store) {
#pragma unroll
  for (int i = 0; i < kMyPlaces; i++) {
    const int y = at.y(c, my_place(i)), x = at.x(c, my_place(i));
    if (y >= c.conv_h || x >= c.conv_w) continue;
#pragma unroll
    for (int j = 0; j < kMyOutputs; j++)
      if (my_output(j) < at.count) store(y, x, at.o0 + my_output(j), sums[i][j]);
  }
}

}  // namespace spl::cuda
