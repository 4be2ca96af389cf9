#include "kernels/predict/conv_predict.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/base/ceil_div.h"
#include "kernels/shape/tile_work.h"
#include "kernels/sparse/sampling.h"
#include "kernels/sparse/sparse_bands.h"

namespace spl {
namespace {

constexpr int kTileSlots = 112;
constexpr int kFloatHaloStep = 32;
constexpr int kFloatPatchStep = 64;
constexpr int kUnitHaloStep = 32;  // x 9 taps: 18 KB of weights for 64 outputs stay in L1
constexpr int kUnitPatchStep = 256;
constexpr int kBlocks = 4;  // lane blocks of outputs per column block: 64 outputs
constexpr int kGranule = kBlocks * kLanes;
constexpr int64_t kLongestRow = 112;  // pixels, when rows are joined
// Share of units that are zero from which skipping them beats dense work; the sums are the same
// bits.
constexpr double kSkipFrom = 0.15;
}  // namespace

// One tile, one group, outputs [o0, o1) of the group.
struct ConvPredict::Unit {
  const ScoreTarget& target;
  const float* x;
  const Tile& tile;
  int64_t group, o0, o1;
};

ConvPredict::ConvPredict(const ConvShape& shape, const PredictorWeights& weights, bool select_all,
                         bool rows, const MicroKernels& micro)
    : rows_(rows), micro_(micro) {
  const size_t padded = static_cast<size_t>(shape.O) + kLanes;
  scores_.threshold = select_all ? -std::numeric_limits<float>::infinity() : 0.0f;
  scores_.bias.assign(padded, 0.0f);
  std::copy(weights.bias, weights.bias + shape.O, scores_.bias.begin());
  if (weights.i8 == nullptr) {
    plan_ = make_chunks(shape, kFloatHaloStep, kFloatPatchStep, 1, true);
    columns_ = std::make_unique<PackedColumns>(shape, plan_,
                                               rows_of_outputs(weights.f32, shape.K()), kBlocks);
    return;
  }
  plan_ = make_chunks(shape, kUnitHaloStep, kUnitPatchStep, 4, true);
  columns_ = std::make_unique<PackedColumns>(shape, plan_, weights.i8, kBlocks, micro);
  if (!rows && ZeroSkipWeights::suits(shape))
    sparse_ = std::make_unique<ZeroSkipWeights>(shape, weights.i8, micro);
  scores_.scale.assign(padded, 0.0f);
  std::copy(weights.scale, weights.scale + shape.O, scores_.scale.begin());
  scores_.weight_sums.assign(padded, 0);
  for (int64_t o = 0; o < shape.O; o++)
    for (int64_t k = 0; k < shape.K(); k++) scores_.weight_sums[o] += weights.i8[o * shape.K() + k];
}

Status ConvPredict::run(const ConvShape& shape, const PredictInputs& in,
                        const Parallel& parallel) const {
  if (shape.outputs() == 0) return "";
  thread_scratch().begin_run();
  std::vector<Quantization> quantization;
  const int64_t entries = rows_ ? shape.W : shape.N, image = shape.H * shape.W * shape.C;
  if (in.input_scale != nullptr) {
    const float scale = in.input_scale[0];
    quantization.assign(static_cast<size_t>(entries), {scale, 1.0f / scale, in.input_scale[1]});
  } else if (scores_.quantized()) {
    Status bad = dynamic_quantizations(in.x, entries, rows_ ? shape.C : image, micro_, parallel,
                                       &quantization);
    if (!bad.empty()) return bad;
  }
  if (sparse_ == nullptr) return run_dense(shape, in, quantization, 0, shape.N, parallel);
  for (int64_t n = 0; n < shape.N; n++) {
    const bool skip = quantization[n].zero == 0 && sparse_image_fits(shape, micro_.unit_channels) &&
                      sampled_zero_share(shape, in.x + n * image, micro_.unit_channels) > kSkipFrom;
    Status bad = skip ? run_sparse(shape, in, quantization, n, parallel)
                      : run_dense(shape, in, quantization, n, n + 1, parallel);
    if (!bad.empty()) return bad;
  }
  return "";
}

// Images [n0, n1).
Status ConvPredict::run_dense(const ConvShape& shape, const PredictInputs& in,
                              const std::vector<Quantization>& quantization, int64_t n0, int64_t n1,
                              const Parallel& parallel) const {
  const Tiling tiling(shape, kTileSlots, kTileSlots);
  const ResidualReader residual(shape, in.residual);
  const ScoreTarget target{shape, micro_, residual, scores_, {quantization.data(), rows_}, in.s};
  return run_tiles(shape, tiling, n0, n1, kGranule, parallel, [&](const TileWork& work) {
    run_unit({target, in.x, work.tile, work.group, work.o0, work.o1});
    return Status();
  });
}

void ConvPredict::run_unit(const Unit& unit) const {
  const int first = static_cast<int>(unit.o0 / kGranule);
  const int last = static_cast<int>(ceil_div(unit.o1, kGranule));
  const int64_t block_size = static_cast<int64_t>(kGranule) * unit.tile.slots();
  char* sums = thread_scratch().accumulators.get<char>((last - first) * block_size * 4);
  if (scores_.quantized())
    accumulate_units(unit, first, last, reinterpret_cast<int32_t*>(sums));
  else
    accumulate_floats(unit, first, last, reinterpret_cast<float*>(sums));
  const ConvShape& shape = unit.target.shape;
  for (int b = first; b < last; b++) {
    const int64_t o = columns_->first_output(b), width = columns_->lane_blocks(b) * kLanes;
    score_epilogue(unit.target, unit.tile,
                   {sums + (b - first) * block_size * 4, width * 4, unit.tile.columns},
                   unit.group * shape.Og() + o, std::min(width, shape.Og() - o));
  }
}

// Sums of a column block: [slots][16 * lane blocks], blocks one after the other.
void ConvPredict::accumulate_units(const Unit& unit, int first, int last, int32_t* sums) const {
  const int slots = static_cast<int>(unit.tile.slots());
  const int64_t block_size = static_cast<int64_t>(kGranule) * slots;
  InputTile input(unit.target.shape, plan_, micro_, thread_scratch());
  input.begin(unit.x, unit.tile, unit.group);
  for (int q = 0; q < plan_.chunks; q++) {
    input.pack_units(q, unit.target.quantization);
    for (int b = first; b < last; b++)
      columns_->add_units(micro_, input.view(), {unit.group, b, q}, slots,
                          sums + (b - first) * block_size);
  }
}

void ConvPredict::accumulate_floats(const Unit& unit, int first, int last, float* sums) const {
  const int slots = static_cast<int>(unit.tile.slots());
  const int64_t block_size = static_cast<int64_t>(kGranule) * slots;
  InputTile input(unit.target.shape, plan_, micro_, thread_scratch());
  input.begin(unit.x, unit.tile, unit.group);
  const float* bias = scores_.bias.data() + unit.group * unit.target.shape.Og();
  for (int q = 0; q < plan_.chunks; q++) {
    input.pack_floats(q);
    for (int b = first; b < last; b++)
      columns_->add_floats(micro_, input.view(), {unit.group, b, q}, bias, slots,
                           sums + (b - first) * block_size);
  }
}

Status ConvPredict::run_sparse(const ConvShape& given, const PredictInputs& in,
                               const std::vector<Quantization>& quantization, int64_t n,
                               const Parallel& parallel) const {
  const ConvShape shape = with_long_rows(given, kLongestRow);
  const ResidualReader residual(shape, in.residual);
  const ScoreTarget target{shape, micro_, residual, scores_, {quantization.data(), false}, in.s};
  const int64_t pitch = zero_skip_pitch(shape);
  for (int64_t g = 0; g < shape.at.group; g++) {
    Status bad = run_bands(
        shape, *sparse_, micro_, n, parallel,
        [&](SparseImage& image) {
          image.pack_units(in.x, n, g, quantization[n].inverse, parallel);
        },
        [&](const SparseImage& image, const Tile& tile, int block) {
          const int64_t width = sparse_->lane_blocks(block) * kLanes;
          const int64_t first = sparse_->first_output(block);
          const size_t size = static_cast<size_t>((tile.rows * pitch + 4) * width);
          int32_t* sums = thread_scratch().accumulators.get<int32_t>(size) + 2 * width;
          zero_skip_rows(shape, image, *sparse_, micro_, {g, block, tile.cy0, tile.rows}, sums);
          score_epilogue(target, tile, {reinterpret_cast<const char*>(sums), width * 4, pitch},
                         g * shape.Og() + first, std::min(width, shape.Og() - first));
          return Status();
        });
    if (!bad.empty()) return bad;
  }
  return "";
}

}  // namespace spl
