// The table of micro kernels: everything that depends on the instruction set. The same sources
// (of this folder) are compiled once per instruction set and each fills one table; the drivers, in
// the other rooms, are compiled once and call through the table chosen at load.
//
// Words used here
//   lane block   16 floats (or 16 32-bit sums): the granule of packed weights and accumulators
//   slot         one convolution output position of a tile
//   place        one input position of a tile, `row_bytes` apart in the packed input
//   unit         4 bytes of quantised input: `unit_channels` neighbouring channels
//
// Contract: pointers named `packed`, `weights` and `sums` are 64-byte aligned where that can be had
// (it is faster), but no kernel requires it. Offsets and strides have 64 bits, as they grow with
// the image; counts, of what is in a tile, a row or a chunk, may be 0. No kernel allocates, throws
// or reads beyond what its contract names.
#pragma once

#include <cstdint>

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
    kThreeRows     // three tap rows of count / 3 consecutive blocks, kTilePitch places apart
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

struct Clamp {
  float low, high, floor;
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

// Values of the first rows x columns outputs of a square: that of row i, column k at y + i *
// row_stride + k * pixel_stride, and its residual (null without) alike.
struct SquareValues {
  const float* bias;
  const float* residual;
  float* y;
  int64_t row_stride, pixel_stride;
  int rows, columns;
  Clamp clamp;
};

// Winograd's minimal filtering F(m x m, r x r) with m + r = 7: 6 x 6 inputs of one channel give
// m x m outputs by 36 multiplications. The points of its polynomials are 0, +-a, +-b and infinity;
// these a and b are exact in float32 and give half the rounding error of the usual 1 and 2.
constexpr int kWinogradSide = 6, kWinogradPlaces = 36;
constexpr double kWinogradA = 0.6875, kWinogradB = 1.5;

// Turns 32-bit sums into scores: (float(sum - correction) * scale) + bias, lane by lane. Whole lane
// blocks are readable.
struct ScoreView {
  const int32_t* correction;
  const float* scale;
  const float* bias;
};

struct MicroKernels {
  const char* isa;
  int unit_channels;  // quantised channels per unit: 4 (8-bit, VNNI) or 2 (16-bit)

  // --- dot_slots.cc, dot_rows.cc: selected outputs ----------------------------------------------
  // sums[i] += dot(weights, patch of slots[i]) for i < count; 0 may be added to 7 sums beyond.
  // weights: blocks.count (1..18) lane blocks; block v meets the 16 input floats at byte
  // slot_offset[slots[i]] + blocks.offset[v] of `packed`.
  void (*dot_slots)(const float* weights, const DotBlocks& blocks, const char* packed,
                    const int64_t* slot_offset, const uint16_t* slots, int count, float* sums);
  // out[i] = dot(x, rows[i]) over k floats, unaligned, for i < count; 7 values beyond are
  // overwritten.
  void (*dot_rows)(const float* x, const float* const* rows, int count, int64_t k, float* out);

  // --- add_rows.cc: few vectors, zero inputs skipped --------------------------------------------
  // y[v * n + o] += sum over i < count of x[v * x_stride + i] * rows[i][o], o < n, v < vectors, one
  // after the other; all unaligned. A row is read once for all vectors.
  void (*add_rows)(const float* x, int64_t x_stride, int vectors, const float* const* rows,
                   int count, int64_t n, float* y);

  // --- dense.cc: all outputs --------------------------------------------------------------------
  // For slots s < count: end = begin + sum over taps t, channels c < channels of input(s, t)[c] *
  // weights[(t * channels + c) * 16 * blocks + o], o < 16 * blocks, blocks 1..8.
  void (*dense_slots)(const TileView& view, int channels, const float* weights, int blocks,
                      int count, const SumRows<float>& sums, const Prefetch& next);
  // The same to values: those of slot s at values.y + s * values.stride.
  void (*dense_values)(const TileView& view, int channels, const float* weights, int blocks,
                       int count, const ValueRows& values, const Prefetch& next);
  // As dense_slots with quantised input and 32-bit sums: units instead of channels, weights of one
  // unit and output in 4 bytes.
  void (*dense_units)(const TileView& view, int units, const void* weights, int blocks, int count,
                      const SumRows<int32_t>& sums);

  // --- winograd.cc ------------------------------------------------------------------------------
  // 6 x 6 pixels (row by row, each `channels` floats) to the 36 places of the transformed input:
  // channel c of place p at out[p * stride + c]. Whole vectors are written.
  void (*winograd_input)(const float* const* pixels, int channels, float* out, int64_t stride);
  // The sums of 36 places (output o of place p at sums[p * stride + o], o < 16 * blocks) to the
  // values of a square. False when one of its `side` x `side` (2 to 5) values is not finite.
  bool (*winograd_output)(const float* sums, int64_t stride, int blocks, int side,
                          const SquareValues& to);

  // --- zero_skip.cc: all outputs, zero inputs skipped; *_units of quantised input ---------------
  int slide_blocks;  // most lane blocks of outputs in slide_row
  int tap_blocks;    // most lane blocks of outputs in tap_row
  // Three neighbouring taps, stride 1. Column i of the row adds to outputs i, i - 1 and i - 2, the
  // sums of output p being at sums + p * 16 * blocks for -2 <= p < columns. Weights [channel][3][16
  // * blocks].
  void (*slide_row)(const SparseRow& row, int columns, const float* weights, int blocks,
                    float* sums, const Prefetch& next);
  void (*slide_units)(const SparseRow& row, int columns, const void* weights, int blocks,
                      int32_t* sums, const Prefetch& next);
  // One tap: output i < walk.count takes column walk.first + i * walk.step. Weights
  // [channel][16 * blocks].
  void (*tap_row)(const SparseRow& row, const TapWalk& walk, const float* weights, int blocks,
                  const SumRows<float>& sums, const Prefetch& next);
  void (*tap_values)(const SparseRow& row, const TapWalk& walk, const float* weights, int blocks,
                     const ValueRows& values, const Prefetch& next);
  void (*tap_units)(const SparseRow& row, const TapWalk& walk, const void* weights, int blocks,
                    const SumRows<int32_t>& sums, const Prefetch& next);
  // Fills a SparseRow from `count` columns of `channels` (at most 64) floats, `stride` floats
  // apart; returns the number of non-zeros. May write up to 16 floats beyond the last value.
  int64_t (*compress_run)(const float* x, int64_t stride, int count, int channels, float* values,
                          uint64_t* masks, int32_t* starts);
  // The same for the quantised units of channels (at most 64 units) with zero point 0.
  int64_t (*compress_units_run)(const float* x, int64_t stride, int count, int channels,
                                float inverse, uint32_t* units, uint64_t* masks, int32_t* starts);

  // --- quantize.cc ------------------------------------------------------------------------------
  // Least and largest of x[0, n) and of *low, *high; not-a-number is ignored.
  void (*min_max)(const float* x, int64_t n, float* low, float* high);
  // n values to units at `out` (n rounded up to whole units; the rest of the last unit is 0):
  // clamp(round(x * inverse) + zero, 0, 255).
  void (*quantize)(const float* x, int64_t n, float inverse, float zero, void* out);
  // int8 weights w[0, n) of one output and tap, to the form dense_units multiplies: unit u is
  // written at out + u * unit_stride bytes.
  void (*pack_units)(const int8_t* w, int n, char* out, int64_t unit_stride);

  // --- finish.cc: sums to values ----------------------------------------------------------------
  // Without pooling: y[i][l] = clamp(sums[i][l] + residual[i][l]) for i < run.count, l < run.lanes.
  void (*finish_run)(const Run& run, const Clamp& clamp, float* y);
  // The same where code[i][l] is 1, and 0 elsewhere; codes and values have the same stride.
  void (*finish_code_run)(const Run& run, const Clamp& clamp, const uint8_t* code, float* y);
  // y[l] = clamp(max over the window of sums + residual), l < lanes.
  void (*finish_max)(const WindowView& window, const Clamp& clamp, float* y);
  // y[l] = clamp of the place code[l] - 1 of the window, or 0 where code[l] is 0. Codes are valid.
  void (*finish_code)(const WindowView& window, const Clamp& clamp, const uint8_t* code, float* y);

  // --- argmax.cc: sums to selections ------------------------------------------------------------
  // Without pooling: code[i][l] = 1 where the score is above `threshold`, else 0. The score arrays
  // hold run.lanes values rounded up to lane blocks.
  void (*select_sums_run)(const Run& run, float threshold, uint8_t* code);
  void (*select_units_run)(const Run& run, const ScoreView& score, float threshold, uint8_t* code);
  // code[l] = 1 + place of the highest score if that is above `threshold`, else 0; first wins ties.
  void (*argmax_sums)(const WindowView& window, float threshold, uint8_t* code);
  void (*argmax_units)(const WindowView& window, const ScoreView& score, float threshold,
                       uint8_t* code);

  // --- select.cc --------------------------------------------------------------------------------
  // Bit i is set where codes[i] == value, i < n <= 64.
  uint64_t (*equal_bits)(const uint8_t* codes, int n, uint8_t value);
  uint8_t (*max_byte)(const uint8_t* codes, int64_t n);
  // out[i] = bias[i] + (the next of `sums` where bit i is set, else 0), i < 16 * blocks, blocks
  // <= 4. Reads up to 16 floats beyond the last sum.
  void (*spread)(uint64_t bits, const float* sums, const float* bias, int blocks, float* out);
  // Appends first + i for every set bit i; returns how many. May write up to 16 entries beyond.
  int (*append_slots)(uint64_t bits, int first, uint16_t* out);

  // --- lrn.cc -----------------------------------------------------------------------------------
  // `pixels` neighbouring pixels. squares: room for channels + before + after + 16 floats.
  void (*lrn_pixels)(const Lrn& lrn, const float* x, int64_t pixels, float* squares, float* y);

  // --- pool.cc ----------------------------------------------------------------------------------
  // y[c] = largest of places[i][c], i < count, c < channels; not-a-number never wins.
  void (*max_places)(const float* const* places, int count, int64_t channels, float* y);
  // y[c] = mean of x[h][w][c]; rows are summed first, so that long sums stay exact.
  void (*mean_pixels)(const float* x, int64_t height, int64_t width, int64_t channels, float* y);
};

}  // namespace spl
