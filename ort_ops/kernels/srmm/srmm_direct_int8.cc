// SRMM with all outputs computed directly in 8 bits: unsigned inputs, signed weights with a scale
// for each output, exact sums. The numbers are the same on every processor.
#include <algorithm>
#include <vector>

#include "kernels/base/ceil_div.h"
#include "kernels/shape/input_tile.h"
#include "kernels/shape/tile_work.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/epilogue.h"
#include "kernels/srmm/selection.h"
#include "kernels/srmm/unit_scores.h"
#include "kernels/weights/packed_weights.h"
#include "kernels/weights/quantized_weights.h"

namespace spl {
namespace {

constexpr int kTileSlots = 112, kPooledSlots = 900;  // see srmm_direct.cc
constexpr int kHaloStep = 128;   // channels, whose weights for 64 outputs and 9 taps take 72 KB
constexpr int kPatchStep = 512;  // 32 KB
constexpr int kBlocks = 4;       // lane blocks of a register tile
constexpr int kGranule = kBlocks * kLanes;

// What a run knows of its images.
struct Call {
  const EpilogueTarget& target;
  const SrmmInputs& in;
  QuantizationMap quantization;
  const UnitScores& scores;         // of images
  const std::vector<int64_t>& row;  // pixel_offsets of a row
};

class DirectInt8 final : public SrmmAlgorithm {
 public:
  explicit DirectInt8(const SrmmLayer& layer)
      : plan_(make_chunks(layer.shape, kHaloStep, kPatchStep, 4, true)),
        quantized_(layer.shape, layer.w, layer.micro),
        columns_(layer.shape, plan_, quantized_.values(), kBlocks, layer.micro),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        rows_(layer.rows),
        micro_(layer.micro) {
    quantized_.drop_values();
  }

  Status run(const ConvShape& given, const SrmmInputs& in,
             const Parallel& parallel) const override {
    // With a selection rows stay as they are: messages about it name positions.
    const bool joins = in.s == nullptr && !rows_;
    const ConvShape shape = joins ? with_long_rows(given, given.oH * given.oW) : given;
    std::vector<Quantization> entries;
    Status bad = input_quantizations(shape, in, rows_, micro_, parallel, &entries);
    if (!bad.empty()) return bad;
    const int slots = windows_overlap(shape.at) ? kPooledSlots : kTileSlots;
    const Tiling tiling(shape, slots, slots);
    const ResidualReader residual(shape, in.residual);
    const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
    const UnitScores scores(quantized_, rows_ ? std::vector<Quantization>() : entries,
                            bias_.data());
    const std::vector<int64_t> row = pixel_offsets(shape, 1, slots);
    const Call call{target, in, {entries.data(), rows_}, scores, row};
    return run_tiles(shape, tiling, 0, shape.N, kGranule, parallel,
                     [&](const TileWork& work) { return run_unit(call, work); });
  }

 private:
  Status run_unit(const Call& call, const TileWork& work) const {
    const ConvShape& shape = call.target.shape;
    const int64_t channel = work.group * shape.Og();
    if (call.target.s != nullptr) {
      Status bad = check_codes(shape, micro_, work.tile, call.target.s, channel + work.o0,
                               channel + work.o1);
      if (!bad.empty()) return bad;
    }
    const int first = static_cast<int>(work.o0 / kGranule);
    const int last = static_cast<int>(ceil_div(work.o1, kGranule));
    const int64_t block_size = static_cast<int64_t>(kGranule) * work.tile.slots();
    int32_t* sums = thread_scratch().accumulators.get<int32_t>((last - first) * block_size);
    const auto add = [&](const TileView& view, int chunk) {
      for (int b = first; b < last; b++)
        add_chunk(call, view, work.tile, {work.group, b, chunk}, sums + (b - first) * block_size);
    };
    if (in_place(call)) {
      const Tile& tile = work.tile;
      const bool known = tile.rows == 1 && tile.columns <= static_cast<int>(call.row.size());
      const std::vector<int64_t> own =
          known ? std::vector<int64_t>() : pixel_offsets(shape, tile.rows, tile.columns);
      const int64_t* offsets = known ? call.row.data() : own.data();
      for (int q = 0; q < plan_.chunks; q++) add(pixels(call, work, q, offsets), q);
    } else if (call.in.x_bytes != nullptr) {
      InputTileOf<uint8_t> input(shape, plan_, micro_, thread_scratch());
      const float zero = call.quantization.of(work.tile.n, 0).zero;
      input.begin(call.in.x_bytes, work.tile, work.group, static_cast<uint8_t>(zero));
      pack_and(input, call, add);
    } else {
      InputTile input(shape, plan_, micro_, thread_scratch());
      input.begin(call.in.x, work.tile, work.group);
      pack_and(input, call, add);
    }
    return "";
  }

  template <class Input, class Add>
  void pack_and(Input& input, const Call& call, Add add) const {
    for (int q = 0; q < plan_.chunks; q++) {
      input.pack_units(q, call.quantization);
      add(input.view(), q);
    }
  }

  // Whether bytes of x are units as they lie: pixels of 1 x 1 kernels, whole units.
  bool in_place(const Call& call) const {
    const ConvShape& shape = call.target.shape;
    return call.in.x_bytes != nullptr && micro_.unit_channels == 4 && shape.pointwise() &&
           shape.Cg % 4 == 0;
  }

  // In bytes, from the first pixel of a tile on.
  static std::vector<int64_t> pixel_offsets(const ConvShape& shape, int64_t rows, int64_t columns) {
    std::vector<int64_t> offsets;
    offsets.reserve(static_cast<size_t>(rows * columns));
    const int64_t* strides = shape.at.strides;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < columns; c++)
        offsets.push_back((r * strides[0] * shape.W + c * strides[1]) * shape.C);
    return offsets;
  }

  TileView pixels(const Call& call, const TileWork& work, int chunk, const int64_t* offsets) const {
    static const int64_t no_offset = 0;
    const ConvShape& shape = call.target.shape;
    const Tile& tile = work.tile;
    const int64_t y = tile.n * shape.H + tile.cy0 * shape.at.strides[0];
    const int64_t pixel = y * shape.W + tile.cx0 * shape.at.strides[1];
    const uint8_t* from =
        call.in.x_bytes + pixel * shape.C + work.group * shape.Cg + int64_t{chunk} * plan_.step;
    return {reinterpret_cast<const char*>(from), offsets, &no_offset, 1};
  }

  // `sums` are those of the part's block; with the last chunk they become values.
  void add_chunk(const Call& call, const TileView& view, const Tile& tile,
                 const PackedColumns::Part& part, int32_t* sums) const {
    const EpilogueTarget& target = call.target;
    const int64_t in_group = columns_.first_output(part.block);
    const int64_t o = part.group * target.shape.Og() + in_group;
    const int blocks = columns_.lane_blocks(part.block), width = blocks * kLanes;
    const int64_t count = std::min<int64_t>(width, target.shape.Og() - in_group);
    const bool last = part.chunk == plan_.chunks - 1;
    if (last && !rows_ && target.fused(count, width)) {
      write_values(call, view, tile, part, o, sums);
      return;
    }
    if (last && !rows_ && through_bytes(target)) {
      write_bytes(call, view, tile, part, o, count, sums);
      return;
    }
    columns_.add_units(micro_, view, part, static_cast<int>(tile.slots()), sums);
    if (!last) return;
    to_floats(call, tile, blocks, o, sums);
    epilogue(target, tile, {reinterpret_cast<const char*>(sums), width * 4, tile.columns}, o,
             count);
  }

  // Where the sums of the last chunk begin, and what makes values of them: those of a layer in one
  // chunk begin less their correction.
  struct Sums {
    const int32_t* begin;
    int64_t stride;
    ScoreView score;
  };
  static Sums begin(const Call& call, const PackedColumns::Part& part, const Tile& tile, int64_t o,
                    const int32_t* sums, int64_t width) {
    Sums from{sums, width, call.scores.of(tile.n, o)};
    if (part.chunk > 0) return from;
    return {call.scores.begin(tile.n, o), 0, {nullptr, from.score.scale, from.score.bias}};
  }

  void write_values(const Call& call, TileView view, const Tile& tile,
                    const PackedColumns::Part& part, int64_t o, const int32_t* sums) const {
    const EpilogueTarget& target = call.target;
    const ConvShape& shape = target.shape;
    const int64_t width = static_cast<int64_t>(columns_.lane_blocks(part.block)) * kLanes;
    // Rows of the whole image follow one another.
    const int rows = tile.columns == shape.oW ? 1 : tile.rows;
    const int columns = static_cast<int>(tile.slots() / rows);
    const Sums from = begin(call, part, tile, o, sums, width);
    for (int64_t row = 0; row < rows; row++, view.slot_offset += columns) {
      const int64_t at = ((tile.n * shape.oH + tile.cy0 + row) * shape.oW + tile.cx0) * shape.O + o;
      columns_.unit_values(micro_, view, part, columns,
                           {from.begin + row * columns * from.stride, from.stride, from.score,
                            target.residual.addend(at), target.y.from(at), shape.O, clamp_,
                            target.clipped_by_bytes()},
                           false);
    }
  }

  // Whether a tile's bytes are made before they are pooled, or put side by side.
  static bool through_bytes(const EpilogueTarget& target) {
    const bool plain = target.y.bytes != nullptr && target.s == nullptr && !target.shape.pooled();
    return target.bytes_first() || (plain && target.residual.by_rows());
  }

  // What is added to outputs [o, o + count) of a tile that is not pooled, `width` floats apart.
  static Addend addend(const EpilogueTarget& target, const Tile& tile, int64_t o, int64_t count,
                       int64_t width) {
    if (!target.residual.active()) return {};
    float* to = thread_scratch().rows.get<float>(static_cast<size_t>(tile.slots() * width));
    std::fill_n(to, tile.slots() * width, 0.0f);
    for (int64_t row = 0; row < tile.rows; row++)
      for (int64_t column = 0; column < tile.columns; column++) {
        const int64_t slot = row * tile.columns + column;
        std::copy_n(target.residual.at(tile.n, tile.cy0 + row, tile.cx0 + column, o), count,
                    to + slot * width);
      }
    return {to, nullptr, {}};
  }

  // Through bytes of the tile, which are pooled, or of which `count` of a vector's lanes are
  // wanted.
  void write_bytes(const Call& call, const TileView& view, const Tile& tile,
                   const PackedColumns::Part& part, int64_t o, int64_t count,
                   const int32_t* sums) const {
    const EpilogueTarget& target = call.target;
    const int64_t width = static_cast<int64_t>(columns_.lane_blocks(part.block)) * kLanes;
    const Sums from = begin(call, part, tile, o, sums, width);
    uint8_t* bytes =
        thread_scratch().values.get<uint8_t>(static_cast<size_t>(tile.slots() * width));
    const Target to{nullptr, bytes, target.y.code};
    columns_.unit_values(
        micro_, view, part, static_cast<int>(tile.slots()),
        {from.begin, from.stride, from.score, addend(target, tile, o, count, width), to, width,
         clamp_, clipped_by_bytes(to, clamp_)},
        false);
    epilogue_of_bytes(target, tile, {bytes, width, tile.columns}, o, count);
  }

  void to_floats(const Call& call, const Tile& tile, int blocks, int64_t o, int32_t* sums) const {
    const int64_t width = static_cast<int64_t>(blocks) * kLanes;
    if (!rows_) {
      micro_.units_to_floats(sums, tile.slots(), blocks, call.scores.of(tile.n, o));
      return;
    }
    // Each row of a matrix has a quantisation of its own.
    int32_t correction[kGranule];
    float scale[kGranule];
    for (int64_t s = 0; s < tile.slots(); s++) {
      const Quantization& q = call.quantization.of(tile.n, tile.cx0 + s);
      fill_unit_scores(quantized_, q, o, width, correction, scale);
      micro_.units_to_floats(sums + s * width, 1, blocks, {correction, scale, bias_.data() + o});
    }
  }

  ChunkPlan plan_;
  QuantizedWeights quantized_;
  PackedColumns columns_;
  std::vector<float> bias_;
  Clamp clamp_;
  bool rows_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_direct_int8(const SrmmLayer& layer) {
  return std::make_unique<DirectInt8>(layer);
}

}  // namespace spl
