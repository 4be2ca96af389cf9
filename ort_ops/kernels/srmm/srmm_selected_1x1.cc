// SRMM where outputs of a 1 x 1 convolution are selected.
//
// With one tap a patch serves no neighbours, so the roles of srmm_selected.cc change places: a
// chunk of one slot's channels stays in registers and the weight rows of its selected outputs pass
// by, from a block of rows that fits the first-level cache. The lists of a slot are its selection
// row, with no transposition, and the input is read where it lies.
#include <algorithm>
#include <cstring>

#include "kernels/shape/chunks.h"
#include "kernels/shape/tile_work.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/epilogue.h"
#include "kernels/srmm/selection.h"
#include "kernels/weights/packed_weights.h"

namespace spl {
namespace {

constexpr int kStep = 128;                 // channels: 8 lane blocks
constexpr int kWeightBytes = 32 << 10;     // of one block of rows and one chunk
constexpr int kBlockOutputs = 64;          // most outputs in a block: one word of a selection row
constexpr int64_t kTileFloats = 64 << 10;  // of input under a tile: it is read once per block
constexpr int kRangeGranule = 128;

struct Unit {
  const EpilogueTarget& target;
  const float* x;
  const Tile& tile;
  int64_t group;
};

class Selected1x1 final : public SrmmAlgorithm {
 public:
  explicit Selected1x1(const SrmmLayer& layer)
      : plan_(make_chunks(layer.shape, kStep, kStep, kLanes, false)),
        rows_(layer.shape, plan_, layer.w),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {
    const int fits = kWeightBytes / (plan_.row() * 4) / kLanes * kLanes;
    block_ = std::clamp(fits, kLanes, kBlockOutputs);
  }

  Status run(const ConvShape& shape, const SrmmInputs& in,
             const Parallel& parallel) const override {
    const int slots = static_cast<int>(std::clamp<int64_t>(kTileFloats / shape.Cg, 64, 448));
    const Tiling tiling(shape, slots, slots);
    const ResidualReader residual(shape, in.residual);
    const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
    return run_tiles(shape, tiling, 0, shape.N, kRangeGranule, parallel, [&](const TileWork& work) {
      Status bad;
      const Unit unit{target, in.x, work.tile, work.group};
      for (int64_t o = work.o0; o < work.o1 && bad.empty(); o += block_)
        bad = run_block(unit, o, static_cast<int>(std::min<int64_t>(block_, work.o1 - o)));
      return bad;
    });
  }

 private:
  // Outputs [o, o + lanes) of the group.
  Status run_block(const Unit& unit, int64_t o, int lanes) const {
    const int slots = static_cast<int>(unit.tile.slots());
    Scratch& scratch = thread_scratch();
    uint64_t* bits = scratch.bits.get<uint64_t>(static_cast<size_t>(slots));
    const int64_t channel = unit.group * unit.target.shape.Og() + o;
    Status bad =
        mark_slots(unit.target.shape, micro_, unit.tile, unit.target.s, channel, lanes, bits);
    if (!bad.empty()) return bad;
    // Per slot: the selected rows of the block and, side by side, their sums.
    constexpr size_t kPitch = kBlockOutputs + kLanes;
    uint16_t* lists = scratch.lists.get<uint16_t>(slots * kPitch);
    float* sums = scratch.values.get<float>(slots * kPitch);
    int32_t* counts = scratch.starts.get<int32_t>(static_cast<size_t>(slots));
    for (int s = 0; s < slots; s++) {
      counts[s] = micro_.append_slots(bits[s], 0, lists + s * kPitch);
      std::memset(sums + s * kPitch, 0, static_cast<size_t>(counts[s]) * sizeof(float));
    }
    accumulate(unit, o, lists, counts, sums, kPitch);
    float* block = scratch.accumulators.get<float>(static_cast<size_t>(slots) * kBlockOutputs);
    const int lane_blocks = (lanes + kLanes - 1) / kLanes;
    for (int s = 0; s < slots; s++)
      micro_.spread(bits[s], sums + s * kPitch, bias_.data() + channel, lane_blocks,
                    block + s * kBlockOutputs);
    epilogue(unit.target, unit.tile,
             {reinterpret_cast<const char*>(block), kBlockOutputs * 4, unit.tile.columns}, channel,
             lanes);
    return "";
  }

  void accumulate(const Unit& unit, int64_t o, const uint16_t* lists, const int32_t* counts,
                  float* sums, size_t pitch) const {
    const ConvShape& shape = unit.target.shape;
    int64_t block_offset[kStep / kLanes], row_offset[kBlockOutputs];
    float* padded = thread_scratch().rows.get<float>(kStep);
    for (int q = 0; q < plan_.chunks; q++) {
      const PackedRows::Part part{0, rows_.per_tap(q)};
      const char* rows = reinterpret_cast<const char*>(rows_.row(unit.group, q, part, o));
      for (int v = 0; v < part.count; v++) block_offset[v] = v * kLanes * 4;
      const DotBlocks blocks{block_offset, part.count, DotBlocks::kConsecutive};
      for (int k = 0; k < block_; k++) row_offset[k] = k * part.count * kLanes * 4;
      int s = 0;
      for (int r = 0; r < unit.tile.rows; r++)
        for (int c = 0; c < unit.tile.columns; c++, s++) {
          if (counts[s] == 0) continue;
          const int64_t y = (unit.tile.cy0 + r) * shape.at.strides[0] - shape.at.pads[0];
          const int64_t x = (unit.tile.cx0 + c) * shape.at.strides[1] - shape.at.pads[1];
          if (y < 0 || x < 0 || y >= shape.H || x >= shape.W) continue;  // the padding adds nothing
          const float* from = unit.x + ((unit.tile.n * shape.H + y) * shape.W + x) * shape.C +
                              unit.group * shape.Cg + static_cast<int64_t>(q) * plan_.step;
          micro_.dot_slots(whole_blocks(from, plan_.depth(q), padded), blocks, rows, row_offset,
                           lists + s * pitch, counts[s], sums + s * pitch);
        }
    }
  }

  // The channels as whole lane blocks: where they lie, or copied with zeros behind the last.
  static const float* whole_blocks(const float* from, int depth, float* padded) {
    if (depth % kLanes == 0) return from;
    std::memcpy(padded, from, static_cast<size_t>(depth) * sizeof(float));
    std::memset(padded + depth, 0, static_cast<size_t>(kLanes - depth % kLanes) * sizeof(float));
    return padded;
  }

  ChunkPlan plan_;
  PackedRows rows_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
  int block_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_selected_1x1(const SrmmLayer& layer) {
  return std::make_unique<Selected1x1>(layer);
}

}  // namespace spl
