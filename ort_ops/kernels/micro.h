// The table of micro kernels: everything that depends on the instruction set. The same sources
// (micro/*.cc) are compiled once per instruction set and each fills one table; the drivers above
// are compiled once and call through the table chosen at load.
//
// Words used here
//   lane block   16 floats (or 16 32-bit sums): the granule of packed weights and accumulators
//   slot         one convolution output position of a tile
//   place        one input position of a tile, `row_bytes` apart in the packed input
//   unit         4 bytes of quantised input: `unit_channels` neighbouring channels
//
// Contract: pointers named `packed`, `weights` and `sums` are 64-byte aligned; no other pointer is.
// Counts may be 0. No kernel allocates, throws or reads beyond what its contract names.
#pragma once

#include <cstdint>

namespace spl {

constexpr int kLanes = 16;
constexpr int kMaxDotBlocks = 18;   // lane blocks of weights that AVX-512 can keep in registers
constexpr int kMaxWindow = 254;     // places in a pooling window

// Where the operands of a slot lie in the packed input: slot s and tap t start at byte
// slot_offset[s] + tap_offset[t].
struct TileView {
  const char* packed;
  const int32_t* slot_offset;
  const int32_t* tap_offset;
  int taps;
};

// Compressed input for zero skipping: place p holds the non-zero values values[start[p] ...] of the
// channels whose bits are set in mask[p]. Places are numbered like TileView bytes / row_bytes.
struct SparseView {
  const float* values;
  const int32_t* start;
  const uint64_t* mask;
  const int32_t* slot_place;
  const int32_t* tap_place;
  int taps;
};

struct Clamp {
  float low, high, floor;
};

// The candidates of one output: `count` places of a window, in order; sums[i] points at the lane
// block of place i (null in the padding), residual[i] at 16 values (null without residual).
struct WindowView {
  const void* const* sums;
  const float* const* residual;
  int count;
  int lanes;  // outputs wanted from the lane block, 1..16
};

// Turns 32-bit sums into scores: (float(sum - correction) * scale) + bias, lane by lane.
struct ScoreView {
  const int32_t* correction;  // 16 values
  const float* scale;         // 16 values
  const float* bias;          // 16 values
};

struct MicroKernels {
  const char* isa;
  int unit_channels;  // quantised channels per unit: 4 (8-bit, VNNI) or 2 (16-bit)

  // --- dot.cc: selected outputs -----------------------------------------------------------------
  // sums[i] += dot(weights, patch of slots[i]) for i < count. weights: `blocks` (1..18) lane blocks;
  // block v meets the 16 input floats at byte slot_offset[slots[i]] + block_offset[v] of `packed`.
  void (*dot_slots)(const float* weights, const int32_t* block_offset, int blocks,
                    const char* packed, const int32_t* slot_offset, const uint16_t* slots,
                    int count, float* sums);
  // out[i] = dot(x, rows[i]) over k floats, unaligned, for i < count.
  void (*dot_rows)(const float* x, const float* const* rows, int count, int64_t k, float* out);

  // --- accumulate.cc: all outputs ---------------------------------------------------------------
  // For slots first..first+count: sums[s * sum_stride + o] += sum over taps t, channels c < channels of
  // input(s, t)[c] * weights[(t * channels + c) * 16 * blocks + o], o < 16 * blocks, blocks 1..8.
  // Both add the terms of an output one after the other in the same order, so they agree to the bit.
  void (*dense_slots)(const TileView& view, int channels, const float* weights, int blocks,
                      int first, int count, float* sums, int64_t sum_stride);
  void (*sparse_slots)(const SparseView& view, int channels, const float* weights, int blocks,
                       int first, int count, float* sums, int64_t sum_stride);
  // The same with quantised input and 32-bit sums: units instead of channels, weights of one unit and
  // output in 4 bytes.
  void (*dense_units)(const TileView& view, int units, const void* weights, int blocks, int first,
                      int count, int32_t* sums, int64_t sum_stride);
  // values <- the non-zero ones of x[0, n), n <= 64; returns the mask of their positions. May write
  // up to 16 floats beyond the last value.
  uint64_t (*compress)(const float* x, int n, float* values);

  // --- quantize.cc ------------------------------------------------------------------------------
  // Least and largest of x[0, n) and of *low, *high; not-a-number is ignored.
  void (*min_max)(const float* x, int64_t n, float* low, float* high);
  // n values to units at `out` (n rounded up to whole units; the rest of the last unit is 0):
  // clamp(round(x * inverse) + zero, 0, 255).
  void (*quantize)(const float* x, int n, float inverse, float zero, void* out);
  // int8 weights w[0, n) of one output and tap, to the form dense_units multiplies: unit u is written
  // at out + u * unit_stride bytes.
  void (*pack_units)(const int8_t* w, int n, char* out, int64_t unit_stride);

  // --- finish.cc: sums to results ---------------------------------------------------------------
  // y[l] = clamp(max over the window of sums + residual), l < lanes.
  void (*finish_max)(const WindowView& window, const Clamp& clamp, float* y);
  // y[l] = clamp of the place code[l] - 1 of the window, or 0 where code[l] is 0. Codes are valid.
  void (*finish_code)(const WindowView& window, const Clamp& clamp, const uint8_t* code, float* y);
  // code[l] = 1 + place of the highest score if that is above `threshold`, else 0; first wins ties.
  void (*argmax_sums)(const WindowView& window, float threshold, uint8_t* code);
  void (*argmax_units)(const WindowView& window, const ScoreView& score, float threshold,
                       uint8_t* code);

  // --- select.cc --------------------------------------------------------------------------------
  // Bit i is set where codes[i] == value, i < n <= 64.
  uint64_t (*equal_bits)(const uint8_t* codes, int n, uint8_t value);
  uint8_t (*max_byte)(const uint8_t* codes, int64_t n);
  // Appends first + i for every set bit i; returns how many. May write up to 16 entries beyond.
  int (*append_slots)(uint64_t bits, int first, uint16_t* out);
};

}  // namespace spl
