// SRMM where outputs are selected: dot products of listed outputs only.
//
// K is cut into chunks whose input, copied under a tile, fits the first-level cache; the weights of
// one output and chunk stay in registers while its selected slots pass by. The weight rows of a
// chunk serve a band of tiles from the second-level cache before the next chunk begins.
#include <algorithm>
#include <cstring>

#include "kernels/shape/chunks.h"
#include "kernels/shape/input_tile.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/epilogue.h"
#include "kernels/srmm/selection.h"
#include "kernels/weights/packed_weights.h"

namespace spl {
namespace {

constexpr int kTileSlots = 112;  // x 32 channels: 20 KB with the border of a 3 x 3 kernel
constexpr int kBand = Scratch::kListedTiles;  // tiles per unit
constexpr int kHaloStep = 32;                 // channels; x 9 taps = 18 lane blocks
constexpr int kPatchStep = 128;
constexpr int kRangeGranule = 128;  // outputs
constexpr int kScatter = 64;        // x 112 slots: 28 KB

// One unit of work: `count` tiles of one image, one group, outputs [o0, o1) of all.
struct Unit {
  const EpilogueTarget& target;
  const float* x;
  const Tile* tiles;
  int count;
  int64_t group, o0, o1;
};

class Selected final : public SrmmAlgorithm {
 public:
  explicit Selected(const SrmmLayer& layer)
      : plan_(make_chunks(layer.shape, kHaloStep, kPatchStep, kLanes, false)),
        rows_(layer.shape, plan_, layer.w),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  Status run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const override;

 private:
  Status run_unit(const Unit& unit) const;
  void accumulate(const Unit& unit, const SlotLists* lists, float* const* sums) const;
  void scatter(const Unit& unit, const Tile& tile, const SlotLists& list, const float* sums) const;

  // The offsets of a whole chunk follow a named layout; those of a part of one do not. Only
  // channels packed as densely as the tile's rows keep tap rows in one piece.
  DotBlocks::Layout layout_of(int parts, int per_tap) const {
    if (parts > 1) return DotBlocks::kAnywhere;
    if (!plan_.halo) return DotBlocks::kConsecutive;
    return plan_.three_rows && per_tap * kLanes == plan_.row() ? DotBlocks::kThreeRows
                                                               : DotBlocks::kAnywhere;
  }

  ChunkPlan plan_;
  PackedRows rows_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

Status Selected::run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const {
  const Tiling tiling(shape, kTileSlots, plan_.three_rows ? kTilePitch - 2 : kTileSlots);
  const ResidualReader residual(shape, in.residual);
  const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
  const int64_t tiles = tiling.per_image(), images = shape.N * shape.at.group;
  const std::vector<int64_t> ranges =
      split_outputs(shape.Og(), kRangeGranule, images * tiles, wanted_units(parallel));
  const int64_t count = static_cast<int64_t>(ranges.size()) - 1;
  const int64_t band =
      std::clamp<int64_t>(images * tiles * count / wanted_units(parallel), 1, kBand);
  const int64_t bands = (tiles + band - 1) / band;
  return run_all(parallel, static_cast<size_t>(images * bands * count), [&](size_t index) {
    int64_t at = static_cast<int64_t>(index);
    const int64_t range = at % count;
    at /= count;
    const int64_t first = at % bands * band;
    at /= bands;
    const int64_t group = at % shape.at.group, n = at / shape.at.group;
    Tile own[kBand];
    int used = 0;
    for (int64_t t = first; t < std::min(tiles, first + band); t++) {
      own[used] = tiling.tile(n * tiles + t);
      if (own[used].rows > 0) used++;
    }
    const int64_t channel = group * shape.Og();
    return run_unit(
        {target, in.x, own, used, group, channel + ranges[range], channel + ranges[range + 1]});
  });
}

Status Selected::run_unit(const Unit& unit) const {
  Scratch& scratch = thread_scratch();
  auto& room = scratch.listed;
  SlotLists lists[kBand] = {SlotLists(room[0]), SlotLists(room[1]), SlotLists(room[2]),
                            SlotLists(room[3])};
  const EpilogueTarget& target = unit.target;
  float* sums[kBand];
  for (int t = 0; t < unit.count; t++) {
    Status bad =
        lists[t].build(target.shape, micro_, unit.tiles[t], target.s, unit.o0, unit.o1, scratch);
    if (!bad.empty()) return bad;
    sums[t] = room[t].sums.get<float>(static_cast<size_t>(lists[t].total()) + kLanes);
    for (int64_t o = unit.o0; o < unit.o1; o++)
      std::fill_n(sums[t] + lists[t].start(o), lists[t].count(o), bias_[o]);
  }
  accumulate(unit, lists, sums);
  for (int t = 0; t < unit.count; t++) scatter(unit, unit.tiles[t], lists[t], sums[t]);
  return "";
}

void Selected::accumulate(const Unit& unit, const SlotLists* lists, float* const* sums) const {
  const ConvShape& shape = unit.target.shape;
  const int64_t channel = unit.group * shape.Og();
  InputTile input(shape, plan_, micro_, thread_scratch());
  std::vector<int64_t> block_offset(static_cast<size_t>(plan_.taps) * rows_.per_tap(0));
  for (int q = 0; q < plan_.chunks; q++) {
    const std::vector<PackedRows::Part> parts = rows_.parts(q);
    const int per_tap = rows_.per_tap(q);
    const DotBlocks::Layout layout = layout_of(static_cast<int>(parts.size()), per_tap);
    for (int t = 0; t < unit.count; t++) {
      if (lists[t].total() == 0) continue;
      input.begin(unit.x, unit.tiles[t], unit.group);
      input.pack_floats(q);
      const TileView view = input.view();
      for (int v = 0; v < plan_.taps * per_tap; v++)
        block_offset[v] = view.tap_offset[v / per_tap] + v % per_tap * kLanes * 4;
      for (const PackedRows::Part& part : parts)
        for (int64_t o = unit.o0; o < unit.o1; o++)
          if (lists[t].count(o) > 0)
            micro_.dot_slots(rows_.row(unit.group, q, part, o - channel),
                             {block_offset.data() + part.first, part.count, layout}, view.packed,
                             view.slot_offset, lists[t].slots(o), lists[t].count(o),
                             sums[t] + lists[t].start(o));
    }
  }
}

// Sums go back to their slots kScatter channels at a time, in a buffer that fits the first-level
// cache, and leave it by whole vectors; slots that no window selected hold old data that no code
// refers to.
void Selected::scatter(const Unit& unit, const Tile& tile, const SlotLists& list,
                       const float* sums) const {
  const size_t size = static_cast<size_t>(tile.slots()) * kScatter;
  float* block = thread_scratch().accumulators.get<float>(size);
  std::memset(block, 0, size * sizeof(float));
  for (int64_t o = unit.o0; o < unit.o1; o += kScatter) {
    const int lanes = static_cast<int>(std::min<int64_t>(kScatter, unit.o1 - o));
    for (int k = 0; k < lanes; k++) {
      const uint16_t* slots = list.slots(o + k);
      const float* from = sums + list.start(o + k);
      for (int i = 0; i < list.count(o + k); i++) block[slots[i] * kScatter + k] = from[i];
    }
    epilogue(unit.target, tile, {reinterpret_cast<const char*>(block), kScatter * 4, tile.columns},
             o, lanes);
  }
}

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_selected(const SrmmLayer& layer) {
  return std::make_unique<Selected>(layer);
}

}  // namespace spl
