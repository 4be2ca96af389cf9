#include "kernels/conv_srmm.h"

#include <algorithm>
#include <cstring>

#include "kernels/windows.h"

namespace spl {
namespace {

// Sizes that keep the packed input of a tile and the weights in use in the first-level cache
// (32 KB), and the sums of a tile in the second (512 KB and more).
constexpr int kTileSlots = 112;
constexpr int kBand = 4;               // tiles that share each weight row while it is in L2
constexpr int kSelectHaloStep = 32;    // channels; x 9 taps = 18 lane blocks
constexpr int kSelectPatchStep = 128;
constexpr int kColumnHaloStep = 32;
constexpr int kColumnPatchStep = 64;   // one mask word
constexpr int kColumnBlocks = 8;       // 128 outputs
constexpr int kRangeGranule = kColumnBlocks * kLanes;
constexpr int kWantedUnits = 8;        // enough to balance a few threads
// Share of non-zero inputs above which skipping them no longer pays.
constexpr double kDenseAbove = 0.85;

}  // namespace

// One unit of work: `tiles` tiles of one image, one group, outputs [o0, o1) of that group.
struct ConvSrmm::Unit {
  const ConvShape& shape;
  const SrmmInputs& in;
  const ResidualReader& residual;
  const Tile* tiles;
  int count;
  int64_t group, o0, o1;
  int64_t channel(int64_t o) const { return group * shape.Og() + o; }
};

ConvSrmm::ConvSrmm(const ConvShape& shape, const float* w, const float* b, const Clamp& clamp,
                   Strategy strategy, bool selects, const MicroKernels& micro)
    : bias_(static_cast<size_t>(shape.O) + kLanes, 0.0f),
      clamp_(clamp),
      strategy_(strategy),
      micro_(micro) {
  if (b != nullptr) std::copy(b, b + shape.O, bias_.begin());
  if (selects && (strategy == Strategy::kAuto || strategy == Strategy::kSelect)) {
    plan_ = make_chunks(shape, kSelectHaloStep, kSelectPatchStep, kLanes);
    rows_ = std::make_unique<PackedRows>(shape, plan_, w);
  } else {
    plan_ = make_chunks(shape, kColumnHaloStep, kColumnPatchStep, 1);
    columns_ = std::make_unique<PackedColumns>(shape, plan_, w, kColumnBlocks);
  }
}

Message ConvSrmm::run(const ConvShape& shape, const SrmmInputs& in,
                      const Parallel& parallel) const {
  if (shape.outputs() == 0) return "";
  const Tiling tiling(shape, kTileSlots);
  const int64_t tiles = tiling.per_image(), images = shape.N * shape.at.group;
  const std::vector<int64_t> ranges =
      split_outputs(shape.Og(), kRangeGranule, images * tiles, kWantedUnits);
  const int64_t count = static_cast<int64_t>(ranges.size()) - 1;
  const int64_t band = rows_ == nullptr
                           ? 1
                           : std::clamp<int64_t>(images * tiles * count / kWantedUnits, 1, kBand);
  const int64_t bands = (tiles + band - 1) / band;
  const ResidualReader residual(shape, in.residual);
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
    const Unit unit{shape, in, residual, own, used, group, ranges[range], ranges[range + 1]};
    if (in.s != nullptr)
      for (int t = 0; t < used; t++) {
        Message bad = check_codes(shape, micro_, own[t], in.s, unit.channel(unit.o0),
                                  unit.channel(unit.o1));
        if (!bad.empty()) return bad;
      }
    return rows_ != nullptr ? run_selected(unit) : run_all_outputs(unit);
  });
}

Message ConvSrmm::run_selected(const Unit& unit) const {
  static thread_local SlotLists lists[kBand];
  static thread_local Buffer sum_buffers[kBand];
  float* sums[kBand];
  for (int t = 0; t < unit.count; t++) {
    lists[t].build(unit.shape, micro_, unit.tiles[t], unit.in.s, unit.channel(unit.o0),
                   unit.channel(unit.o1), thread_scratch());
    sums[t] = sum_buffers[t].get<float>(static_cast<size_t>(lists[t].total()) + kLanes);
    for (int64_t o = unit.o0; o < unit.o1; o++) {
      const int64_t c = unit.channel(o);
      std::fill_n(sums[t] + lists[t].start(c), lists[t].count(c), bias_[c]);
    }
  }
  accumulate_selected(unit, lists, sums);
  for (int t = 0; t < unit.count; t++) finish_selected(unit, t, lists[t], sums[t]);
  return "";
}

// Chunk by chunk, so that the weight rows of a chunk serve all tiles of the band from L2.
void ConvSrmm::accumulate_selected(const Unit& unit, SlotLists* lists, float* const* sums) const {
  InputTile input(unit.shape, plan_, micro_, thread_scratch());
  std::vector<int32_t> block_offset(static_cast<size_t>(plan_.taps) * rows_->per_tap(0));
  for (int q = 0; q < plan_.chunks; q++) {
    const std::vector<PackedRows::Part> parts = rows_->parts(q);
    for (int t = 0; t < unit.count; t++) {
      if (lists[t].total() == 0) continue;
      input.begin(unit.in.x, unit.tiles[t], unit.group);
      input.pack_floats(q);
      const TileView view = input.view();
      const int per_tap = rows_->per_tap(q);
      for (int v = 0; v < plan_.taps * per_tap; v++)
        block_offset[v] = view.tap_offset[v / per_tap] + v % per_tap * kLanes * 4;
      for (const PackedRows::Part& part : parts)
        for (int64_t o = unit.o0; o < unit.o1; o++) {
          const int64_t c = unit.channel(o);
          if (lists[t].count(c) > 0)
            micro_.dot_slots(rows_->row(unit.group, q, part, o), block_offset.data() + part.first,
                             part.count, view.packed, view.slot_offset, lists[t].slots(c),
                             lists[t].count(c), sums[t] + lists[t].start(c));
        }
    }
  }
}

// Sums go back to their slots 16 channels at a time, in a buffer that fits L1, and leave it by whole
// vectors; places that no window selected hold old data that no code refers to.
void ConvSrmm::finish_selected(const Unit& unit, int tile_index, const SlotLists& list,
                               const float* sums) const {
  const Tile& tile = unit.tiles[tile_index];
  float* block =
      thread_scratch().accumulators.get<float>(static_cast<size_t>(tile.slots()) * kLanes);
  std::memset(block, 0, static_cast<size_t>(tile.slots()) * kLanes * sizeof(float));
  WindowVisitor windows(unit.shape, tile, unit.residual);
  for (int64_t o = unit.o0; o < unit.o1; o += kLanes) {
    const int64_t c = unit.channel(o);
    const int lanes = static_cast<int>(std::min<int64_t>(kLanes, unit.o1 - o));
    for (int k = 0; k < lanes; k++) {
      const uint16_t* slots = list.slots(c + k);
      const float* from = sums + list.start(c + k);
      for (int i = 0; i < list.count(c + k); i++) block[slots[i] * kLanes + k] = from[i];
    }
    windows.visit({reinterpret_cast<const char*>(block), kLanes * 4}, c, lanes,
                  [&](const WindowView& window, int64_t at, int) {
                    micro_.finish_code(window, clamp_, unit.in.s + at, unit.in.y + at);
                  });
  }
}

Message ConvSrmm::run_all_outputs(const Unit& unit) const {
  // Ranges begin at whole column blocks (kRangeGranule).
  const int first = static_cast<int>(unit.o0 / kRangeGranule);
  const int last = static_cast<int>((unit.o1 + kRangeGranule - 1) / kRangeGranule);
  for (int t = 0; t < unit.count; t++) {
    const Tile& tile = unit.tiles[t];
    float* sums = thread_scratch().accumulators.get<float>(
        static_cast<size_t>(last - first) * kRangeGranule * tile.slots());
    accumulate_all(unit, tile, first, last, sums);
    finish_all(unit, tile, first, last, sums);
  }
  return "";
}

// sums: for each column block of the range [slots][16 * lane blocks], one block after the other.
void ConvSrmm::accumulate_all(const Unit& unit, const Tile& tile, int first, int last,
                              float* sums) const {
  const int slots = tile.slots();
  for (int b = first; b < last; b++) {
    const int64_t width = columns_->lane_blocks(b) * kLanes;
    float* to = sums + static_cast<int64_t>(b - first) * kRangeGranule * slots;
    const float* bias = bias_.data() + unit.channel(columns_->first_output(b));
    const int64_t real = std::min(width, unit.shape.Og() - columns_->first_output(b));
    for (int s = 0; s < slots; s++, to += width) {
      std::memcpy(to, bias, static_cast<size_t>(real) * sizeof(float));
      std::memset(to + real, 0, static_cast<size_t>(width - real) * sizeof(float));
    }
  }
  InputTile input(unit.shape, plan_, micro_, thread_scratch());
  input.begin(unit.in.x, tile, unit.group);
  for (int q = 0; q < plan_.chunks; q++) {
    const int depth = plan_.depth(q);
    const bool may_skip = strategy_ != Strategy::kDense;
    const bool must_skip = strategy_ == Strategy::kZeroSkip;
    bool dense = !may_skip;
    if (may_skip) {
      const int64_t kept = input.compress(q);
      dense = !must_skip && static_cast<double>(kept) >
                                kDenseAbove * static_cast<double>(input.places()) * depth;
    }
    if (dense) input.pack_floats(q);
    for (int b = first; b < last; b++) {
      const int64_t width = columns_->lane_blocks(b) * kLanes;
      float* to = sums + static_cast<int64_t>(b - first) * kRangeGranule * slots;
      const float* w = reinterpret_cast<const float*>(columns_->weights(unit.group, b, q));
      if (dense)
        micro_.dense_slots(input.view(), depth, w, columns_->lane_blocks(b), 0, slots, to, width);
      else
        micro_.sparse_slots(input.sparse_view(), depth, w, columns_->lane_blocks(b), 0, slots, to,
                            width);
    }
  }
}

void ConvSrmm::finish_all(const Unit& unit, const Tile& tile, int first, int last,
                          const float* sums) const {
  WindowVisitor windows(unit.shape, tile, unit.residual);
  for (int b = first; b < last; b++) {
    const float* block = sums + static_cast<int64_t>(b - first) * kRangeGranule * tile.slots();
    for (int j = 0; j < columns_->lane_blocks(b); j++) {
      const int64_t o = columns_->first_output(b) + j * kLanes;
      const int lanes = static_cast<int>(std::min<int64_t>(kLanes, unit.shape.Og() - o));
      windows.visit({reinterpret_cast<const char*>(block + j * kLanes),
                     static_cast<int64_t>(columns_->lane_blocks(b)) * kLanes * 4},
                    unit.channel(o), lanes, [&](const WindowView& window, int64_t at, int) {
                      if (unit.in.s != nullptr)
                        micro_.finish_code(window, clamp_, unit.in.s + at, unit.in.y + at);
                      else
                        micro_.finish_max(window, clamp_, unit.in.y + at);
                    });
    }
  }
}

}  // namespace spl
