// The table of micro kernels: everything that depends on the instruction set. The same sources
// (of this folder) are compiled once per instruction set and each fills one table; the drivers, in
// the other rooms, are compiled once and call through the table chosen at load.
//
// Words used here
//   lane block   16 floats (or 16 32-bit sums): the granule of packed weights and accumulators
//   slot         one convolution output position of a tile
//   place        one input position of a tile, `row_bytes` apart in the packed input
//   unit         4 bytes of quantised input: `unit_channels` neighbouring channels
#pragma once

#include <cstdint>

#include "kernels/micro/clamp.h"
#include "kernels/micro/quantization.h"

namespace spl {

constexpr int kLanes = 16;
constexpr int kMaxDotBlocks = 18;  // lane blocks of weights that AVX-512 can keep in registers
constexpr int kMaxWindow = 254;    // places in a pooling window

// Where the operands of a slot lie in the packed input: slot s and tap t start at byte
// slot_offset[s] + tap_offset[t].
struct TileView {
  const char* packed;
  const int64_t* slot_offset;
  const int64_t* tap_offset;
  int taps;
};

// Where the lane blocks of a weight row meet the packed input. Offsets that the compiler knows are
// immediate operands of the multiply-adds, about a tenth faster than with an index register,
// so the two layouts that matter are named.
struct DotBlocks {
  const int64_t* offset;  // bytes
  int count;
  enum Layout {
    kAnywhere,
    kConsecutive,  // offset[v] = 64 v
    kThreeRows     // three tap rows of 3 or 6 consecutive blocks, kTilePitch places apart
  } layout;
};
constexpr int kTilePitch = 16;  // places in a row of the packed input of a 3 x 3 kernel

// Non-zero elements (floats, or units of quantised channels) of one image row and chunk: column i
// has the elements set in masks[i]; they begin at element starts[i] of `values`.
struct SparseRow {
  const void* values;
  const uint64_t* masks;
  const int32_t* starts;
};
constexpr int kMaxMask = 64;  // elements of a chunk

struct TapWalk {
  int first, step, count;
};

// Cache lines to bring near while a kernel works; may lie beyond the data (a prefetch cannot
// fault).
struct Prefetch {
  const char* first;
  int lines;
};

// Local response normalisation of a pixel: y[c] = x[c] / (bias + scale * sum of x[i]^2)^beta over
// the channels i from c - before to c + after that exist; both are below `channels`.
struct Lrn {
  int64_t channels, before, after;
  float scale, beta, bias;
};

// The candidates of neighbouring outputs: `count` places of a window, in order. sums[i] points at
// `lanes` (any number) sums of place i, readable up to whole lane blocks, or is null in the
// padding; residual[i] at `lanes` values, or null.
struct WindowView {
  const void* const* sums;
  const float* const* residual;
  int count;
  int lanes;
};

// `count` neighbouring outputs of a row, each with `lanes` channels (any number), whose sums (float
// or 32-bit) are sum_stride elements apart, residuals (null without) and results `stride` elements
// apart. Sums may be read up to whole lane blocks.
struct Run {
  const void* sums;
  int64_t sum_stride;
  const float* residual;
  int64_t stride;
  int count, lanes;
};

// The sums of slots: those of slot s begin as begin[s * begin_stride + o] (a stride of 0 gives all
// slots the same) and are written to end[s * stride + o]. To add to sums, both are the same.
template <class T>
struct SumRows {
  const T* begin;
  int64_t begin_stride;
  T* end;
  int64_t stride;
};

// Values of slots, y = clamp(begin + sum + residual): sums begin as those of SumRows; residual
// (null without) and y have the same stride. Whole lane blocks of all are read and written.
struct ValueRows {
  const float* begin;
  int64_t begin_stride;
  const float* residual;
  float* y;
  int64_t stride;
  Clamp clamp;
};

// Turns 32-bit sums into scores: (float(sum - correction) * scale) + bias, lane by lane. Whole lane
// blocks are readable. A null correction has been taken away before.
struct ScoreView {
  const int32_t* correction;
  const float* scale;
  const float* bias;
};

// What is added to values: floats, or bytes that stand for numbers, or, both null, nothing.
struct Addend {
  const float* floats = nullptr;
  const uint8_t* bytes = nullptr;
  Quantization code = {};

  Addend from(int64_t at) const {
    return {floats == nullptr ? nullptr : floats + at, bytes == nullptr ? nullptr : bytes + at,
            code};
  }
};

// Where values go: to floats, or as bytes.
struct Target {
  float* floats = nullptr;
  uint8_t* bytes = nullptr;
  Quantization code = {};

  Target from(int64_t at) const {
    return {floats == nullptr ? nullptr : floats + at, bytes == nullptr ? nullptr : bytes + at,
            code};
  }
};

// The 32-bit sums of slots, made floats: those of slot s begin at begin[o] and become
// end[s * stride + o] = float(sum) * (scale[o] * slot_scale[s]).
struct ScaledRows {
  const int32_t* begin;
  const float* scale;
  const float* slot_scale;
  float* end;
  int64_t stride;
};

// 32-bit sums to values: y = clamp(score of the sum + residual), as ValueRows.
struct UnitValueRows {
  const int32_t* begin;
  int64_t begin_stride;
  ScoreView score;
  Addend residual;
  Target y;
  int64_t stride;
  Clamp clamp;
  bool clipped_by_bytes;  // the clamp says no more than that a byte holds 0 to 255
};

// Values of the first rows x columns outputs of a square: that of row i, column k at y + i *
// row_stride + k * pixel_stride, and its residual (null without) alike.
struct SquareValues {
  const float* bias;
  Addend residual;
  Target y;
  int64_t row_stride, pixel_stride;
  int rows, columns;
  Clamp clamp;
};

// Winograd's minimal filtering F(m x m, r x r) with m + r = 7: 6 x 6 inputs of one channel give
// m x m outputs by 36 multiplications. The points of its polynomials are 0, +-a, +-b and infinity;
// these a and b are exact in float32 and give half the rounding error of the usual 1 and 2.
constexpr int kWinogradSide = 6, kWinogradPositions = 36;
constexpr double kWinogradA = 0.6875, kWinogradB = 1.5;

struct MicroKernels {
  const char* isa;
  int unit_channels;  // quantised channels per unit: 4 (8-bit, VNNI) or 2 (16-bit)
  int slide_blocks;   // most lane blocks of outputs in slide_row
  int tap_blocks;     // most lane blocks of outputs in tap_row
#define SPL_KERNEL(result, name, arguments) result(*name) arguments
#include "kernels/micro/kernels.inc"
};

}  // namespace spl
