// Weights in the order in which the micro kernels read them, made once per layer.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/ceil_div.h"
#include "kernels/base/scratch.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/chunks.h"
#include "kernels/weights/weight_matrix.h"

namespace spl {

// For dot_slots: one row of whole lane blocks per (group, chunk, part, output). A part is what fits
// the registers of AVX-512 (kMaxDotBlocks).
class PackedRows {
 public:
  // `w` in rows of outputs.
  PackedRows(const ConvShape& shape, const ChunkPlan& plan, const WeightMatrix& w);
  struct Part {
    int first, count;  // lane blocks of the chunk: block v is tap v / per_tap, lanes v % per_tap
  };
  int per_tap(int chunk) const { return static_cast<int>(ceil_div(plan_.depth(chunk), kLanes)); }
  std::vector<Part> parts(int chunk) const;
  const float* row(int64_t group, int chunk, const Part& part, int64_t output) const;

 private:
  ChunkPlan plan_;
  int64_t outputs_;                // per group
  std::vector<int64_t> chunk_at_;  // floats before each chunk of a group, and the end
  mutable Buffer data_;
  const float* base_;
};

// For dense_slots (float) or dense_units (quantised): blocks of up to `most` (at most 8) lane
// blocks of outputs; in each, per (chunk, tap, channel or unit) one 4-byte weight for each output.
class PackedColumns {
 public:
  static constexpr int kMostBlocks = 8;
  PackedColumns(const ConvShape& shape, const ChunkPlan& plan, const WeightMatrix& w, int most);
  PackedColumns(const ConvShape& shape, const ChunkPlan& plan, const int8_t* w, int most,
                const MicroKernels& micro);
  int blocks() const { return static_cast<int>(lanes_.size()); }  // per group
  int lane_blocks(int block) const { return lanes_[block]; }
  int64_t first_output(int block) const { return static_cast<int64_t>(block) * most_ * kLanes; }
  struct Part {
    int64_t group;
    int block, chunk;
  };
  // Adds what the packed input of the part's chunk gives to `sums` [slots][16 * lane blocks] of its
  // block. The first chunk starts them, at `bias` (of the group's outputs, readable up to whole
  // lane blocks) or at 0.
  // `fetch` brings the weights near that lie behind those of the part.
  void add_floats(const MicroKernels& micro, const TileView& view, const Part& part,
                  const float* bias, int slots, float* sums, bool fetch = false) const;
  // The same with the last chunk, to values.
  void values(const MicroKernels& micro, const TileView& view, const Part& part, int slots,
              const ValueRows& rows, bool fetch) const;
  void add_units(const MicroKernels& micro, const TileView& view, const Part& part, int slots,
                 int32_t* sums) const;
  // The last chunk of quantised input, to values; `rows.begin` null = the sums begin here.
  void unit_values(const MicroKernels& micro, const TileView& view, const Part& part, int slots,
                   UnitValueRows rows, bool fetch) const;

 private:
  Prefetch next_of(const Part& part, bool fetch) const;
  template <class T>
  SumRows<T> sum_rows(const Part& part, const T* start, T* sums) const;
  void layout(const ConvShape& shape, int unit);
  char* at(int64_t group, int block, int chunk) const;

  ChunkPlan plan_;
  int64_t outputs_;  // per group
  int most_;
  std::vector<int> lanes_;
  std::vector<int64_t> chunk_at_;  // elements (of one output) before each chunk, and the end
  int64_t group_bytes_ = 0;
  mutable Buffer data_;
  char* base_ = nullptr;
};

}  // namespace spl
