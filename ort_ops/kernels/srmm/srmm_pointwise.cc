// SRMM with all outputs of a 1 x 1 convolution without padding computed, nothing skipped: a matrix
// product whose left side is read where it lies.
//
// The weights of a block of outputs and chunk of channels serve the pixels under a tile from the
// second-level cache; the sums of a tile and block fit the first, where they become values.
#include <algorithm>

#include "kernels/shape/tile_work.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/selection.h"
#include "kernels/srmm/write_rows.h"

namespace spl {
namespace {

constexpr int kTileSlots = 96, kPooledSlots = 400;  // see srmm_direct.cc
constexpr int kBlocks = 4;                          // lane blocks of a register tile
constexpr int kGranule = kBlocks * kLanes;

// Channels of a chunk: its weights and those that are fetched meanwhile take a quarter of a
// megabyte.
constexpr int64_t kMostDepth = 512;
// Weights beyond this do not stay in the second-level cache from tile to tile.
constexpr int64_t kFarWeights = 512 << 10;

ChunkPlan chunks_of_channels(const ConvShape& shape) {
  ChunkPlan plan;
  plan.total = shape.Cg;
  const int64_t chunks = (shape.Cg + kMostDepth - 1) / kMostDepth;
  plan.step = static_cast<int>((shape.Cg + chunks - 1) / chunks);
  plan.chunks = static_cast<int>(chunks);
  return plan;
}

class Pointwise final : public SrmmAlgorithm {
 public:
  explicit Pointwise(const SrmmLayer& layer)
      : plan_(chunks_of_channels(layer.shape)),
        columns_(layer.shape, plan_, layer.w, kBlocks),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        fetches_(layer.shape.O * layer.shape.Cg * 4 > kFarWeights),
        micro_(layer.micro) {}

  Status run(const ConvShape& given, const SrmmInputs& in,
             const Parallel& parallel) const override {
    // With a selection rows stay as they are: messages about it name positions.
    const ConvShape shape = in.s == nullptr ? with_long_rows(given, given.oH * given.oW) : given;
    const int slots = windows_overlap(shape.at) ? kPooledSlots : kTileSlots;
    const Tiling tiling(shape, slots, slots);
    const ResidualReader residual(shape, in.residual);
    const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
    return run_tiles(shape, tiling, 0, shape.N, kGranule, parallel, [&](const TileWork& work) {
      const std::vector<int64_t> offsets = slot_offsets(shape, work.tile);
      Status bad;
      for (int64_t o = work.o0; o < work.o1 && bad.empty(); o += kGranule)
        bad = run_block(target, in.x, work, static_cast<int>(o / kGranule), offsets.data());
      return bad;
    });
  }

 private:
  // Bytes from the first pixel under the tile to that of each slot.
  static std::vector<int64_t> slot_offsets(const ConvShape& shape, const Tile& tile) {
    std::vector<int64_t> offsets;
    offsets.reserve(static_cast<size_t>(tile.slots()));
    for (int64_t r = 0; r < tile.rows; r++)
      for (int64_t c = 0; c < tile.columns; c++)
        offsets.push_back((r * shape.at.strides[0] * shape.W + c * shape.at.strides[1]) * shape.C *
                          4);
    return offsets;
  }

  Status run_block(const EpilogueTarget& target, const float* x, const TileWork& work, int block,
                   const int64_t* offsets) const {
    const ConvShape& shape = target.shape;
    const Tile& tile = work.tile;
    const int64_t first = columns_.first_output(block);
    const int64_t width = columns_.lane_blocks(block) * kLanes;
    const int64_t o = work.group * shape.Og() + first, count = std::min(width, shape.Og() - first);
    if (target.s != nullptr) {
      Status bad = check_codes(shape, micro_, tile, target.s, o, o + count);
      if (!bad.empty()) return bad;
    }
    const bool fused = target.fused(count, width);
    const int64_t pixel = (tile.n * shape.H + tile.cy0 * shape.at.strides[0]) * shape.W +
                          tile.cx0 * shape.at.strides[1];
    const float* from = x + pixel * shape.C + work.group * shape.Cg;
    float* sums =
        thread_scratch().accumulators.get<float>(static_cast<size_t>(tile.slots() * width));
    static const int64_t no_offset = 0;
    for (int q = 0; q < plan_.chunks; q++) {
      const PackedColumns::Part part{work.group, block, q};
      const char* chunk = reinterpret_cast<const char*>(from + q * plan_.step);
      const TileView view{chunk, offsets, &no_offset, 1};
      if (fused && q == plan_.chunks - 1)
        write_rows(target, columns_, view, part, tile, o, bias_.data() + o, q == 0 ? nullptr : sums,
                   fetches_);
      else
        columns_.add_floats(micro_, view, part, bias_.data() + work.group * shape.Og(),
                            static_cast<int>(tile.slots()), sums, fetches_);
    }
    if (!fused)
      epilogue(target, tile, {reinterpret_cast<const char*>(sums), width * 4, tile.columns}, o,
               count);
    return "";
  }

  ChunkPlan plan_;
  PackedColumns columns_;
  std::vector<float> bias_;
  Clamp clamp_;
  bool fetches_;  // weights ahead
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_pointwise(const SrmmLayer& layer) {
  return std::make_unique<Pointwise>(layer);
}

}  // namespace spl
