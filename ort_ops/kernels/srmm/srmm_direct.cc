// SRMM with all outputs computed directly, nothing skipped.
#include <algorithm>
#include <cstring>

#include "kernels/shape/chunks.h"
#include "kernels/shape/input_tile.h"
#include "kernels/shape/tile_work.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/selection.h"
#include "kernels/srmm/write_rows.h"

namespace spl {
namespace {

// Sums of 64 outputs: 28 KB, which the first-level cache holds. Overlapping windows compute the
// borders of tiles twice, so theirs are larger, for the second-level cache.
constexpr int kTileSlots = 112, kPooledSlots = 900;
constexpr int kHaloStep = 32;
constexpr int kPatchStep = 64;
constexpr int kBlocks = 4;  // lane blocks of a register tile
constexpr int kGranule = kBlocks * kLanes;

class Direct final : public SrmmAlgorithm {
 public:
  explicit Direct(const SrmmLayer& layer)
      : plan_(make_chunks(layer.shape, kHaloStep, kPatchStep, 1, true)),
        columns_(layer.shape, plan_, layer.w, kBlocks),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  Status run(const ConvShape& shape, const SrmmInputs& in,
             const Parallel& parallel) const override {
    const int slots = windows_overlap(shape.at) ? kPooledSlots : kTileSlots;
    const Tiling tiling(shape, slots, slots);
    const ResidualReader residual(shape, in.residual);
    const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
    return run_tiles(shape, tiling, 0, shape.N, kGranule, parallel, [&](const TileWork& work) {
      return run_unit(target, in.x, work.tile, work.group, work.o0, work.o1);
    });
  }

 private:
  // Outputs [o0, o1) of the group.
  Status run_unit(const EpilogueTarget& target, const float* x, const Tile& tile, int64_t group,
                  int64_t o0, int64_t o1) const {
    const ConvShape& shape = target.shape;
    const int64_t channel = group * shape.Og();
    if (target.s != nullptr) {
      Status bad = check_codes(shape, micro_, tile, target.s, channel + o0, channel + o1);
      if (!bad.empty()) return bad;
    }
    // Sums of a column block: [slots][16 * lane blocks], blocks one after the other.
    const int first = static_cast<int>(o0 / kGranule);
    const int last = static_cast<int>((o1 + kGranule - 1) / kGranule);
    const int64_t block_size = static_cast<int64_t>(kGranule) * tile.slots();
    float* sums = thread_scratch().accumulators.get<float>((last - first) * block_size);
    InputTile input(shape, plan_, micro_, thread_scratch());
    input.begin(x, tile, group);
    for (int q = 0; q < plan_.chunks; q++) {
      input.pack_floats(q);
      for (int b = first; b < last; b++)
        add_chunk(target, input.view(), tile, {group, b, q}, sums + (b - first) * block_size);
    }
    for (int b = first; b < last; b++) {
      const int64_t o = columns_.first_output(b), width = columns_.lane_blocks(b) * kLanes;
      const int64_t count = std::min(width, shape.Og() - o);
      if (!target.fused(count, width))
        epilogue(target, tile,
                 {reinterpret_cast<const char*>(sums + (b - first) * block_size), width * 4,
                  tile.columns},
                 channel + o, count);
    }
    return "";
  }

  // `sums` are those of the part's block.
  void add_chunk(const EpilogueTarget& target, const TileView& view, const Tile& tile,
                 const PackedColumns::Part& part, float* sums) const {
    const int64_t channel = part.group * target.shape.Og();
    const int64_t o = columns_.first_output(part.block);
    const int64_t width = columns_.lane_blocks(part.block) * kLanes;
    const bool last = part.chunk == plan_.chunks - 1;
    if (last && target.fused(std::min(width, target.shape.Og() - o), width))
      write_rows(target, columns_, view, part, tile, channel + o, bias_.data() + channel + o,
                 part.chunk == 0 ? nullptr : sums, false);
    else
      columns_.add_floats(micro_, view, part, bias_.data() + channel,
                          static_cast<int>(tile.slots()), sums);
  }

  ChunkPlan plan_;
  PackedColumns columns_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_direct(const SrmmLayer& layer) {
  return std::make_unique<Direct>(layer);
}

}  // namespace spl
