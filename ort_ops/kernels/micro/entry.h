// The entry points of one instruction set; table.cc collects them. Contracts:
// kernels/micro/micro.h.
#pragma once

#include "kernels/micro/micro.h"

namespace spl {
namespace SPL_ISA {

void dot_slots(const float* weights, const DotBlocks& blocks, const char* packed,
               const int64_t* slot_offset, const uint16_t* slots, int count, float* sums);
void dot_rows(const float* x, const float* const* rows, int count, int64_t k, float* out);

void add_rows(const float* x, int64_t x_stride, int vectors, const float* const* rows, int count,
              int64_t n, float* y);

void dense_slots(const TileView& view, int channels, const float* weights, int blocks, int count,
                 const SumRows<float>& sums, const Prefetch& next);
void dense_values(const TileView& view, int channels, const float* weights, int blocks, int count,
                  const ValueRows& values, const Prefetch& next);
void dense_units(const TileView& view, int units, const void* weights, int blocks, int count,
                 const SumRows<int32_t>& sums);

void winograd_input(const float* const* pixels, int channels, float* out, int64_t stride);
bool winograd_output(const float* sums, int64_t stride, int blocks, int side,
                     const SquareValues& to);

void slide_row(const SparseRow& row, int columns, const float* weights, int blocks, float* sums,
               const Prefetch& next);
void slide_units(const SparseRow& row, int columns, const void* weights, int blocks, int32_t* sums,
                 const Prefetch& next);
void tap_row(const SparseRow& row, const TapWalk& walk, const float* weights, int blocks,
             const SumRows<float>& sums, const Prefetch& next);
void tap_values(const SparseRow& row, const TapWalk& walk, const float* weights, int blocks,
                const ValueRows& values, const Prefetch& next);
void tap_units(const SparseRow& row, const TapWalk& walk, const void* weights, int blocks,
               const SumRows<int32_t>& sums, const Prefetch& next);
int64_t compress_run(const float* x, int64_t stride, int count, int channels, float* values,
                     uint64_t* masks, int32_t* starts);
int64_t compress_units_run(const float* x, int64_t stride, int count, int channels, float inverse,
                           uint32_t* units, uint64_t* masks, int32_t* starts);

void min_max(const float* x, int64_t n, float* low, float* high);
void quantize(const float* x, int64_t n, float inverse, float zero, void* out);
void pack_units(const int8_t* w, int n, char* out, int64_t unit_stride);

void finish_run(const Run& run, const Clamp& clamp, float* y);
void finish_code_run(const Run& run, const Clamp& clamp, const uint8_t* code, float* y);
void finish_max(const WindowView& window, const Clamp& clamp, float* y);
void finish_code(const WindowView& window, const Clamp& clamp, const uint8_t* code, float* y);
void select_sums_run(const Run& run, float threshold, uint8_t* code);
void select_units_run(const Run& run, const ScoreView& score, float threshold, uint8_t* code);
void argmax_sums(const WindowView& window, float threshold, uint8_t* code);
void argmax_units(const WindowView& window, const ScoreView& score, float threshold, uint8_t* code);

uint64_t equal_bits(const uint8_t* codes, int n, uint8_t value);
uint8_t max_byte(const uint8_t* codes, int64_t n);
void spread(uint64_t bits, const float* sums, const float* bias, int blocks, float* out);
int append_slots(uint64_t bits, int first, uint16_t* out);

void lrn_pixels(const Lrn& lrn, const float* x, int64_t pixels, float* squares, float* y);

void max_places(const float* const* places, int count, int64_t channels, float* y);
void mean_pixels(const float* x, int64_t height, int64_t width, int64_t channels, float* y);

}  // namespace SPL_ISA
}  // namespace spl
