// SRMM with all outputs computed in 8 bits where every output sees its own channel only. The
// numbers are those of srmm_direct_int8.cc.
//
// For a row of outputs under a tile, bytes below each other become units (micro/depthwise.cc); a
// tap of the micro kernel is a column of the kernel and some of its rows. Floats become bytes
// first, a whole image at a time.
#include <algorithm>
#include <vector>

#include "kernels/base/checked_size.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/depthwise.h"
#include "kernels/srmm/unit_scores.h"
#include "kernels/weights/quantized_weights.h"

namespace spl {
namespace {

// Units of a row under a tile, of 28 columns and their neighbours: 30 KB.
constexpr int64_t kMostChannels = 256;

// What a run knows of its images.
struct Call {
  const EpilogueTarget& target;
  const uint8_t* x;  // [N, H, W, C]
  const std::vector<Quantization>& quantization;
  const UnitScores& scores;

  const Quantization& of(const DepthwiseUnit& unit) const {
    return quantization[static_cast<size_t>(unit.tile.n)];
  }
};

// The input under rows of outputs as units.
class StackedRows {
 public:
  // `rows`: of the kernel, in units.
  StackedRows(const Call& call, const DepthwiseUnit& unit, int64_t rows)
      : call_(call),
        unit_(unit),
        rows_(rows),
        across_(DepthwiseSpan::of(call.target.shape, 1, unit.tile.cx0, unit.tile.columns)),
        whole_(unit.count == call.target.shape.C),
        zero_(static_cast<uint8_t>(call.of(unit).zero)) {
    const ConvShape& shape = call.target.shape;
    const int64_t padding = (whole_ ? across_.end - across_.begin : 1) * unit.count;
    padding_ = thread_scratch().rows.get<uint8_t>(static_cast<size_t>(padding));
    std::fill_n(padding_, padding, zero_);
    // Vectors at the end are read whole.
    const size_t units = checked_size({rows, across_.places, unit.count});
    packed_ = thread_scratch().input.get<uint32_t>(units + kLanes);
    std::fill_n(packed_ + units, kLanes, 0u);
    for (int64_t i = 0; i < unit.tile.columns; i++)
      slots_.push_back(i * shape.at.strides[1] * unit.count * 4);
    for (int64_t kx = 0; kx < shape.kW; kx++)
      for (int64_t r = 0; r < rows; r++)
        taps_.push_back((r * across_.places + kx * shape.at.dilations[1]) * unit.count * 4);
  }

  // Of the outputs of row `row` of the tile.
  TileView stack(int64_t row) {
    for (int64_t r = 0; r < rows_; r++)
      stack_unit(row, r, packed_ + r * across_.places * unit_.count);
    return {reinterpret_cast<const char*>(packed_), slots_.data(), taps_.data(),
            static_cast<int>(taps_.size())};
  }

 private:
  void stack_unit(int64_t row, int64_t unit, uint32_t* to) const {
    const ConvShape& shape = call_.target.shape;
    const MicroKernels& micro = call_.target.micro;
    const uint8_t* from[4];
    int64_t step[4];  // from column to column; all of the padding is alike
    for (int k = 0; k < micro.unit_channels; k++) {
      const int64_t ky = unit * micro.unit_channels + k;
      const int64_t y = (unit_.tile.cy0 + row) * shape.at.strides[0] - shape.at.pads[0] +
                        ky * shape.at.dilations[0];
      const bool inside = ky < shape.kH && y >= 0 && y < shape.H && across_.begin < across_.end;
      const int64_t pixel = (unit_.tile.n * shape.H + y) * shape.W + across_.from;
      from[k] = inside ? call_.x + pixel * shape.C + unit_.first : padding_;
      step[k] = inside ? shape.C : 0;
    }
    const uint32_t nothing = zero_ * (micro.unit_channels == 4 ? 0x01010101u : 0x00010001u);
    std::fill(to, to + across_.begin * unit_.count, nothing);
    std::fill(to + across_.end * unit_.count, to + across_.places * unit_.count, nothing);
    if (whole_) {
      micro.stack_rows(from, (across_.end - across_.begin) * unit_.count,
                       to + across_.begin * unit_.count);
      return;
    }
    for (int64_t x = across_.begin; x < across_.end; x++) {
      micro.stack_rows(from, unit_.count, to + x * unit_.count);
      for (int k = 0; k < micro.unit_channels; k++) from[k] += step[k];
    }
  }

  const Call& call_;
  const DepthwiseUnit& unit_;
  int64_t rows_;
  DepthwiseSpan across_;
  bool whole_;  // whether columns follow one another in memory
  uint8_t zero_;
  uint8_t* padding_;
  uint32_t* packed_;
  std::vector<int64_t> slots_, taps_;
};

class DepthwiseInt8 final : public SrmmAlgorithm {
 public:
  explicit DepthwiseInt8(const SrmmLayer& layer)
      : quantized_(layer.shape, layer.w, layer.micro),
        bias_(padded_bias(layer.b, layer.shape.O)),
        none_(kMostChannels, 0),
        clamp_(layer.clamp),
        channels_(depthwise_channels(layer.shape, kMostChannels)),
        rows_(ceil_div(layer.shape.kH, layer.micro.unit_channels)),
        taps_(rows_ * layer.shape.kW),
        micro_(layer.micro) {
    pack(layer.shape);
    quantized_.drop_values();
  }

  Status run(const ConvShape& shape, const SrmmInputs& in,
             const Parallel& parallel) const override {
    std::vector<Quantization> quantization;
    Status bad = input_quantizations(shape, in, false, micro_, parallel, &quantization);
    const uint8_t* x = in.x_bytes;
    if (bad.empty() && x == nullptr) bad = to_bytes(shape, in.x, quantization, parallel, &x);
    if (!bad.empty()) return bad;
    const ResidualReader residual(shape, in.residual);
    const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
    const UnitScores scores(quantized_, quantization, bias_.data());
    const Call call{target, x, quantization, scores};
    return run_depthwise(target, channels_, parallel,
                         [&](const DepthwiseUnit& unit) { return run_unit(call, unit); });
  }

 private:
  void pack(const ConvShape& shape) {
    const size_t size = checked_size({ceil_div(shape.C, kLanes) * kLanes * 4, taps_});
    weights_ = data_.get<char>(size);
    std::fill_n(weights_, size, char{0});
    const int64_t units = micro_.unit_channels;
    for (int64_t c = 0; c < shape.C; c++) {
      const int64_t first = c / channels_ * channels_;
      const int64_t count = std::min(channels_, shape.C - first);
      char* to = weights_ + depthwise_weights(first, taps_) + (c - first) * 4;
      for (int64_t kx = 0; kx < shape.kW; kx++)
        for (int64_t ky = 0; ky < shape.kH;
             ky += units, to += ceil_div(count, kLanes) * kLanes * 4) {
          int8_t rows[4];
          const int n = static_cast<int>(std::min(units, shape.kH - ky));
          for (int k = 0; k < n; k++)
            rows[k] = quantized_.values()[c * shape.K() + (ky + k) * shape.kW + kx];
          micro_.pack_units(rows, 0, 1, n, to, 0);
        }
    }
  }

  // The memory is the calling thread's, for this run.
  Status to_bytes(const ConvShape& shape, const float* x,
                  const std::vector<Quantization>& quantization, const Parallel& parallel,
                  const uint8_t** bytes) const {
    const int64_t row = shape.W * shape.C, rows = shape.N * shape.H;
    uint8_t* to = thread_scratch().image.get<uint8_t>(checked_size({rows, row}));
    *bytes = to;
    return run_all(parallel, static_cast<size_t>(rows), [&](size_t i) {
      const int64_t y = static_cast<int64_t>(i);
      micro_.quantize_bytes(x + y * row, row, quantization[static_cast<size_t>(y / shape.H)],
                            to + y * row);
      return Status();
    });
  }

  Status run_unit(const Call& call, const DepthwiseUnit& unit) const {
    const EpilogueTarget& target = call.target;
    const Tile& tile = unit.tile;
    const ScoreView score = call.scores.of(tile.n, unit.first);
    const int blocks = static_cast<int>(unit.width / kLanes);
    const char* weights = weights_ + depthwise_weights(unit.first, taps_);
    StackedRows input(call, unit, rows_);
    if (target.fused(unit.count, unit.width)) {
      for (int64_t row = 0; row < tile.rows; row++) {
        const int64_t at = depthwise_row(target.shape, unit, row);
        micro_.depthwise_units_values(
            input.stack(row), weights, blocks, tile.columns,
            {none_.data(), 0, score, target.residual.addend(at), target.y.from(at), target.shape.O,
             clamp_, target.clipped_by_bytes()});
      }
      return "";
    }
    const size_t size = static_cast<size_t>(tile.slots() * unit.width);
    int32_t* sums = thread_scratch().accumulators.get<int32_t>(size);
    for (int64_t row = 0; row < tile.rows; row++)
      micro_.depthwise_units(input.stack(row), weights, blocks, tile.columns,
                             {none_.data(), 0, sums + row * tile.columns * unit.width, unit.width});
    micro_.units_to_floats(sums, tile.slots(), blocks, score);
    finish_depthwise(target, unit, reinterpret_cast<const float*>(sums));
    return "";
  }

  QuantizedWeights quantized_;
  std::vector<float> bias_;
  std::vector<int32_t> none_;  // sums begin at 0
  Clamp clamp_;
  int64_t channels_;  // of a unit of work
  int64_t rows_;      // of the kernel, in units
  int64_t taps_;      // units of rows, in all columns
  Buffer data_;
  char* weights_ = nullptr;  // [channels of a unit][column of the kernel][unit of rows][lane]
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_depthwise_int8(const SrmmLayer& layer) {
  return std::make_unique<DepthwiseInt8>(layer);
}

}  // namespace spl
