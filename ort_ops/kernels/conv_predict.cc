#include "kernels/conv_predict.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/windows.h"

namespace spl {
namespace {

constexpr int kTileSlots = 112;
constexpr int kFloatHaloStep = 32;
constexpr int kFloatPatchStep = 64;
constexpr int kUnitHaloStep = 32;    // x 9 taps: 18 KB of weights for 64 outputs stay in L1
constexpr int kUnitPatchStep = 256;
constexpr int kBlocks = 4;           // lane blocks of outputs per column block: 64 outputs
constexpr int kRangeGranule = kBlocks * kLanes;
constexpr int kWantedUnits = 8;
constexpr int64_t kMinMaxPart = 1 << 16;  // floats per parallel part of the range search

Quantization from_range(float low, float high) {
  float scale = (high - low) / 255.0f;
  if (!std::isfinite(scale) || scale < FLT_MIN) scale = 1.0f;
  const float zero = std::min(std::max(std::nearbyintf(-low / scale), 0.0f), 255.0f);
  return {scale, 1.0f / scale, zero};
}

}  // namespace

struct ConvPredict::Unit {
  const ConvShape& shape;
  const PredictInputs& in;
  const ResidualReader& residual;
  const std::vector<Quantization>& quantization;
  Tile tile;
  int64_t group, o0, o1;
  int64_t channel(int64_t o) const { return group * shape.Og() + o; }
};

ConvPredict::ConvPredict(const ConvShape& shape, const PredictorWeights& weights, bool select_all,
                         bool rows, const MicroKernels& micro)
    : bias_(static_cast<size_t>(shape.O) + kLanes, 0.0f),
      quantized_(weights.i8 != nullptr),
      rows_(rows),
      threshold_(select_all ? -std::numeric_limits<float>::infinity() : 0.0f),
      micro_(micro) {
  std::copy(weights.bias, weights.bias + shape.O, bias_.begin());
  if (!quantized_) {
    plan_ = make_chunks(shape, kFloatHaloStep, kFloatPatchStep, 1);
    columns_ = std::make_unique<PackedColumns>(shape, plan_, weights.f32, kBlocks);
    return;
  }
  plan_ = make_chunks(shape, kUnitHaloStep, kUnitPatchStep, 4);
  columns_ = std::make_unique<PackedColumns>(shape, plan_, weights.i8, kBlocks, micro);
  scale_.assign(bias_.size(), 0.0f);
  std::copy(weights.scale, weights.scale + shape.O, scale_.begin());
  weight_sums_.assign(bias_.size(), 0);
  for (int64_t o = 0; o < shape.O; o++)
    for (int64_t k = 0; k < shape.K(); k++) weight_sums_[o] += weights.i8[o * shape.K() + k];
}

Message ConvPredict::quantizations(const ConvShape& shape, const PredictInputs& in,
                                   const Parallel& parallel,
                                   std::vector<Quantization>* out) const {
  const int64_t count = rows_ ? shape.W : shape.N;
  if (in.input_scale != nullptr) {
    const float scale = in.input_scale[0];
    out->assign(static_cast<size_t>(count), {scale, 1.0f / scale, in.input_scale[1]});
    return "";
  }
  // Parts of an image are searched side by side; least and largest do not depend on the order.
  const int64_t size = rows_ ? shape.C : shape.H * shape.W * shape.C;
  const int64_t parts = std::max<int64_t>(1, (size + kMinMaxPart - 1) / kMinMaxPart);
  std::vector<float> low(static_cast<size_t>(count * parts), 0.0f), high(low);
  Message message = run_all(parallel, static_cast<size_t>(count * parts), [&](size_t i) {
    const int64_t entry = static_cast<int64_t>(i) / parts, part = static_cast<int64_t>(i) % parts;
    const int64_t begin = part * kMinMaxPart;
    micro_.min_max(in.x + entry * size + begin, std::min(kMinMaxPart, size - begin), &low[i],
                   &high[i]);
    return Message();
  });
  for (int64_t e = 0; e < count; e++) {
    const size_t at = static_cast<size_t>(e * parts);
    out->push_back(from_range(*std::min_element(&low[at], &low[at] + parts),
                              *std::max_element(&high[at], &high[at] + parts)));
  }
  return message;
}

Message ConvPredict::run(const ConvShape& shape, const PredictInputs& in,
                         const Parallel& parallel) const {
  if (shape.outputs() == 0) return "";
  std::vector<Quantization> quantization;
  if (quantized_) {
    Message message = quantizations(shape, in, parallel, &quantization);
    if (!message.empty()) return message;
  }
  const Tiling tiling(shape, kTileSlots, kTileSlots);
  const ResidualReader residual(shape, in.residual);
  const int64_t tiles = shape.N * tiling.per_image();
  const std::vector<int64_t> ranges =
      split_outputs(shape.Og(), kRangeGranule, tiles * shape.at.group, kWantedUnits);
  const int64_t count = static_cast<int64_t>(ranges.size()) - 1;
  return run_all(parallel, static_cast<size_t>(tiles * shape.at.group * count), [&](size_t i) {
    int64_t at = static_cast<int64_t>(i);
    const int64_t range = at % count;
    at /= count;
    const Tile tile = tiling.tile(at % tiles);
    if (tile.rows == 0) return Message();
    return run_unit({shape, in, residual, quantization, tile, at / tiles, ranges[range],
                     ranges[range + 1]});
  });
}

Message ConvPredict::run_unit(const Unit& unit) const {
  const int first = static_cast<int>(unit.o0 / kRangeGranule);
  const int last = static_cast<int>((unit.o1 + kRangeGranule - 1) / kRangeGranule);
  const size_t size = static_cast<size_t>(last - first) * kRangeGranule * unit.tile.slots();
  char* sums = thread_scratch().accumulators.get<char>(size * 4);
  if (quantized_)
    accumulate_units(unit, first, last, reinterpret_cast<int32_t*>(sums));
  else
    accumulate_floats(unit, first, last, reinterpret_cast<float*>(sums));
  finish(unit, first, last, sums);
  return "";
}

// Sums of a column block: [slots][16 * lane blocks], blocks one after the other.
void ConvPredict::accumulate_units(const Unit& unit, int first, int last, int32_t* sums) const {
  const int slots = unit.tile.slots();
  std::memset(sums, 0, static_cast<size_t>(last - first) * kRangeGranule * slots * 4);
  InputTile input(unit.shape, plan_, micro_, thread_scratch());
  input.begin(unit.in.x, unit.tile, unit.group);
  const QuantizationMap map{unit.quantization.data(), rows_};
  for (int q = 0; q < plan_.chunks; q++) {
    input.pack_units(q, map);
    const int units = (plan_.depth(q) + micro_.unit_channels - 1) / micro_.unit_channels;
    for (int b = first; b < last; b++)
      micro_.dense_units(input.view(), units, columns_->weights(unit.group, b, q),
                         columns_->lane_blocks(b), 0, slots,
                         sums + static_cast<int64_t>(b - first) * kRangeGranule * slots,
                         static_cast<int64_t>(columns_->lane_blocks(b)) * kLanes);
  }
}

void ConvPredict::accumulate_floats(const Unit& unit, int first, int last, float* sums) const {
  const int slots = unit.tile.slots();
  for (int b = first; b < last; b++) {
    const int64_t width = columns_->lane_blocks(b) * kLanes;
    float* to = sums + static_cast<int64_t>(b - first) * kRangeGranule * slots;
    const int64_t real = std::min(width, unit.shape.Og() - columns_->first_output(b));
    const float* bias = bias_.data() + unit.channel(columns_->first_output(b));
    for (int s = 0; s < slots; s++, to += width) {
      std::memcpy(to, bias, static_cast<size_t>(real) * sizeof(float));
      std::memset(to + real, 0, static_cast<size_t>(width - real) * sizeof(float));
    }
  }
  InputTile input(unit.shape, plan_, micro_, thread_scratch());
  input.begin(unit.in.x, unit.tile, unit.group);
  for (int q = 0; q < plan_.chunks; q++) {
    input.pack_floats(q);
    for (int b = first; b < last; b++)
      micro_.dense_slots(input.view(), plan_.depth(q),
                         reinterpret_cast<const float*>(columns_->weights(unit.group, b, q)),
                         columns_->lane_blocks(b), 0, slots,
                         sums + static_cast<int64_t>(b - first) * kRangeGranule * slots,
                         static_cast<int64_t>(columns_->lane_blocks(b)) * kLanes);
  }
}

void ConvPredict::finish(const Unit& unit, int first, int last, const char* sums) const {
  for (int b = first; b < last; b++) {
    const int64_t stride = static_cast<int64_t>(columns_->lane_blocks(b)) * kLanes * 4;
    const TileSums block{
        sums + static_cast<int64_t>(b - first) * kRangeGranule * unit.tile.slots() * 4, stride,
        unit.tile.columns};
    const int64_t o = columns_->first_output(b);
    const int64_t count = std::min<int64_t>(stride / 4, unit.shape.Og() - o);
    if (rows_ || unit.shape.pooled() || !unit.residual.by_rows())
      finish_windows(unit, block, unit.channel(o), count);
    else
      finish_rows(unit, block, unit.channel(o), count);
  }
}

// What turns sums of outputs [c, c + lanes) into scores under one quantisation of the input.
struct ConvPredict::Scores {
  int32_t correction[kRangeGranule] = {};
  float scale[kRangeGranule] = {};
  const Quantization* current = nullptr;

  void prepare(const ConvPredict& p, const Quantization& q, int64_t c, int64_t lanes) {
    if (current == &q) return;
    current = &q;
    for (int64_t l = 0; l < lanes; l++) {
      correction[l] = static_cast<int32_t>(q.zero) * p.weight_sums_[c + l];
      scale[l] = q.scale * p.scale_[c + l];
    }
  }
  ScoreView view(const float* bias) const { return {correction, scale, bias}; }
};

void ConvPredict::finish_rows(const Unit& unit, const TileSums& sums, int64_t c,
                              int64_t count) const {
  Scores scores;
  if (quantized_) scores.prepare(*this, unit.quantization[unit.tile.n], c, count);
  visit_rows(unit.shape, unit.tile, unit.residual, sums, c, count,
             [&](const Run& run, int64_t at) {
               if (quantized_)
                 micro_.select_units_run(run, scores.view(bias_.data() + c), threshold_,
                                         unit.in.s + at);
               else
                 micro_.select_sums_run(run, threshold_, unit.in.s + at);
             });
}

void ConvPredict::finish_windows(const Unit& unit, const TileSums& sums, int64_t c,
                                 int64_t count) const {
  WindowVisitor windows(unit.shape, unit.tile, unit.residual);
  const QuantizationMap map{unit.quantization.data(), rows_};
  for (int64_t l = 0; l < count; l += kLanes) {
    const int lanes = static_cast<int>(std::min<int64_t>(kLanes, count - l));
    Scores scores;
    windows.visit(sums.shifted(l * 4), c + l, lanes,
                  [&](const WindowView& window, int64_t at, int64_t px) {
                    if (!quantized_) {
                      micro_.argmax_sums(window, threshold_, unit.in.s + at);
                      return;
                    }
                    scores.prepare(*this, map.of(unit.tile.n, px), c + l, lanes);
                    micro_.argmax_units(window, scores.view(bias_.data() + c + l), threshold_,
                                        unit.in.s + at);
                  });
  }
}

}  // namespace spl
