// SRMM with zero inputs skipped for 1 x 1 kernels without padding.
//
// The non-zero inputs under a tile are packed by the thread that needs them, and stay in its
// caches; where tiles are few, all threads pack one tile and share it, each for other outputs. Sums
// begin at the bias in the first chunk of channels and become values in the last.
#include <algorithm>

#include "kernels/base/scratch.h"
#include "kernels/shape/tiles.h"
#include "kernels/sparse/zero_skip.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/selection.h"
#include "kernels/srmm/write_rows.h"

namespace spl {
namespace {

constexpr int64_t kTileInputs = 64 << 10;  // a quarter of a megabyte of the second-level cache
constexpr int64_t kLeastSlots = 32, kMostSlots = 256, kPooledSlots = 400;

// Non-zero inputs of a tile and group; row r of chunk q is at(q, r).
class SparseTile {
 public:
  SparseTile(const ConvShape& shape, const Tile& tile, const ZeroSkipWeights& weights)
      : shape_(shape), tile_(tile), weights_(weights), pitch_(tile.columns * weights.step()) {
    const size_t rows = static_cast<size_t>(weights.chunks() * tile.rows);
    Scratch& scratch = thread_scratch();
    values_ = scratch.values.get<float>(rows * pitch_ + kLanes);
    masks_ = scratch.masks.get<uint64_t>(rows * tile.columns);
    starts_ = scratch.starts.get<int32_t>(rows * tile.columns);
  }

  // Chunk `q` of the channels; chunks may be packed side by side.
  void pack(const float* x, int64_t group, int q, const MicroKernels& micro) const {
    const int64_t* strides = shape_.at.strides;
    for (int r = 0; r < tile_.rows; r++) {
      const int64_t y = (tile_.cy0 + r) * strides[0], at = q * tile_.rows + r;
      const float* from =
          x + ((tile_.n * shape_.H + y) * shape_.W + tile_.cx0 * strides[1]) * shape_.C +
          group * shape_.Cg + q * weights_.step();
      micro.compress_run(from, strides[1] * shape_.C, tile_.columns, weights_.depth(q),
                         values_ + at * pitch_, masks_ + at * tile_.columns,
                         starts_ + at * tile_.columns);
    }
  }

  SparseRow at(int chunk, int64_t row) const {
    const int64_t at = chunk * tile_.rows + row;
    return {values_ + at * pitch_, masks_ + at * tile_.columns, starts_ + at * tile_.columns};
  }

 private:
  const ConvShape& shape_;
  const Tile& tile_;
  const ZeroSkipWeights& weights_;
  int64_t pitch_;
  float* values_;
  uint64_t* masks_;
  int32_t* starts_;
};

class PointwiseSkip final : public SrmmAlgorithm {
 public:
  explicit PointwiseSkip(const SrmmLayer& layer)
      : weights_(layer.shape, layer.w, layer.micro),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  Status run(const ConvShape& given, const SrmmInputs& in,
             const Parallel& parallel) const override {
    // With a selection rows stay as they are: messages about it name positions.
    const ConvShape shape = in.s == nullptr ? with_long_rows(given, given.oH * given.oW) : given;
    const int slots = tile_slots(shape, parallel);
    const Tiling tiling(shape, slots, slots);
    const ResidualReader residual(shape, in.residual);
    const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
    const int64_t tiles = shape.N * tiling.per_image(), units = tiles * shape.at.group;
    const bool side_by_side = units >= wanted_units(parallel) || weights_.blocks() == 1;
    auto run_unit = [&](size_t i, const Parallel& inside) {
      const int64_t unit = static_cast<int64_t>(i);
      const Tile tile = tiling.tile(unit % tiles);
      return tile.rows == 0 ? Status() : run_tile(target, in.x, tile, unit / tiles, inside);
    };
    if (side_by_side)
      return run_all(parallel, static_cast<size_t>(units),
                     [&](size_t i) { return run_unit(i, Parallel()); });
    Status bad;
    for (size_t i = 0; i < static_cast<size_t>(units) && bad.empty(); i++)
      bad = run_unit(i, parallel);
    return bad;
  }

 private:
  struct Block {
    int index;
    int64_t group, width, o, count;  // width in lanes; first output of all
  };

  // Without other blocks of outputs to share out, small images are cut for the threads.
  int tile_slots(const ConvShape& shape, const Parallel& parallel) const {
    if (windows_overlap(shape.at)) return kPooledSlots;
    const int64_t fit = std::clamp(kTileInputs / shape.Cg, kLeastSlots, kMostSlots);
    if (weights_.blocks() > 1 || shape.N > 1) return static_cast<int>(fit);
    const int64_t threads = parallel.threads();
    const int64_t own = (shape.oH * shape.oW + threads - 1) / threads;
    return static_cast<int>(std::min(fit, std::max(kLeastSlots, own)));
  }

  Status run_tile(const EpilogueTarget& target, const float* x, const Tile& tile, int64_t group,
                  const Parallel& parallel) const {
    const SparseTile input(target.shape, tile, weights_);
    Status bad = run_all(parallel, static_cast<size_t>(weights_.chunks()), [&](size_t q) {
      input.pack(x, group, static_cast<int>(q), micro_);
      return Status();
    });
    if (!bad.empty()) return bad;
    return run_all(parallel, static_cast<size_t>(weights_.blocks()), [&](size_t b) {
      return run_block(target, tile, input, group, static_cast<int>(b));
    });
  }

  Status run_block(const EpilogueTarget& target, const Tile& tile, const SparseTile& input,
                   int64_t group, int index) const {
    const ConvShape& shape = target.shape;
    const int64_t first = weights_.first_output(index);
    const int64_t width = weights_.lane_blocks(index) * kLanes;
    const Block block{index, group, width, group * shape.Og() + first,
                      std::min(width, shape.Og() - first)};
    if (target.s != nullptr) {
      Status bad = check_codes(shape, micro_, tile, target.s, block.o, block.o + block.count);
      if (!bad.empty()) return bad;
    }
    const bool fused = target.fused(block.count, width);
    float* sums =
        thread_scratch().accumulators.get<float>(static_cast<size_t>(tile.slots() * width));
    for (int q = 0; q < weights_.chunks(); q++)
      add_chunk(target, tile, input, block, q, fused && q == weights_.chunks() - 1, sums);
    if (!fused)
      epilogue(target, tile, {reinterpret_cast<const char*>(sums), width * 4, tile.columns},
               block.o, block.count);
    return "";
  }

  // Adds chunk `q` to the sums of a block, or makes values of them with it.
  void add_chunk(const EpilogueTarget& target, const Tile& tile, const SparseTile& input,
                 const Block& block, int q, bool to_values, float* sums) const {
    int64_t bytes;
    const char* packed = weights_.row(block.group, block.index, q, 0, &bytes);
    const float* weights = reinterpret_cast<const float*>(packed);
    const int blocks = weights_.lane_blocks(block.index);
    const TapWalk walk{0, 1, tile.columns};
    for (int64_t r = 0; r < tile.rows; r++) {
      const Prefetch next{packed + bytes + bytes * r / tile.rows,
                          static_cast<int>((bytes / tile.rows + 63) / 64)};
      const float* bias = bias_.data() + block.o;
      float* row = sums + r * tile.columns * block.width;
      if (to_values)
        micro_.tap_values(
            input.at(q, r), walk, weights, blocks,
            value_rows(target, tile, r, block.o, bias, q == 0 ? nullptr : sums, block.width), next);
      else
        micro_.tap_row(input.at(q, r), walk, weights, blocks,
                       {q == 0 ? bias : row, q == 0 ? 0 : block.width, row, block.width}, next);
    }
  }

  ZeroSkipWeights weights_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_pointwise_skip(const SrmmLayer& layer) {
  return std::make_unique<PointwiseSkip>(layer);
}

}  // namespace spl
