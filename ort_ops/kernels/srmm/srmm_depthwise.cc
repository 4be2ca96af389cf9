// SRMM with all outputs computed in float32 where every output sees its own channel only.
//
// The input under a tile is copied, with zeros where the image is padded: vectors of neighbouring
// channels then meet vectors of weights (micro/depthwise.cc).
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/base/checked_size.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/depthwise.h"

namespace spl {
namespace {

constexpr int64_t kMostChannels = 64;  // x 10 x 30 places: 77 KB

class Depthwise final : public SrmmAlgorithm {
 public:
  explicit Depthwise(const SrmmLayer& layer)
      : bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        channels_(depthwise_channels(layer.shape, kMostChannels)),
        micro_(layer.micro) {
    const ConvShape& shape = layer.shape;
    const size_t size = checked_size({ceil_div(shape.C, kLanes) * kLanes, shape.taps()});
    weights_ = data_.get<float>(size);
    std::fill_n(weights_, size, 0.0f);
    for (int64_t c = 0; c < shape.C; c++) {
      const int64_t first = c / channels_ * channels_;
      const int64_t width = ceil_div(std::min(channels_, shape.C - first), kLanes) * kLanes;
      for (int64_t tap = 0; tap < shape.taps(); tap++)
        weights_[first * shape.taps() + tap * width + c - first] = layer.w.value(c, tap);
    }
  }

  Status run(const ConvShape& shape, const SrmmInputs& in,
             const Parallel& parallel) const override {
    const ResidualReader residual(shape, in.residual);
    const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
    return run_depthwise(target, channels_, parallel, [&](const DepthwiseUnit& unit) {
      run_unit(target, in.x, unit);
      return Status();
    });
  }

 private:
  void run_unit(const EpilogueTarget& target, const float* x, const DepthwiseUnit& unit) const {
    const ConvShape& shape = target.shape;
    const Tile& tile = unit.tile;
    const DepthwiseSpan down = DepthwiseSpan::of(shape, 0, tile.cy0, tile.rows);
    const DepthwiseSpan across = DepthwiseSpan::of(shape, 1, tile.cx0, tile.columns);
    const int64_t pixel = unit.width * 4, line = across.places * pixel;  // bytes
    const float* packed = copy(shape, x, unit, down, across);
    std::vector<int64_t> slots, taps;
    for (int64_t i = 0; i < tile.columns; i++) slots.push_back(i * shape.at.strides[1] * pixel);
    for (int64_t ky = 0; ky < shape.kH; ky++)
      for (int64_t kx = 0; kx < shape.kW; kx++)
        taps.push_back(ky * shape.at.dilations[0] * line + kx * shape.at.dilations[1] * pixel);
    const auto view = [&](int64_t row) {
      const char* first = reinterpret_cast<const char*>(packed);
      return TileView{first + row * shape.at.strides[0] * line, slots.data(), taps.data(),
                      static_cast<int>(taps.size())};
    };
    const int blocks = static_cast<int>(unit.width / kLanes);
    const float* weights = weights_ + unit.first * shape.taps();
    const float* bias = bias_.data() + unit.first;
    if (target.fused(unit.count, unit.width)) {
      for (int64_t row = 0; row < tile.rows; row++) {
        const int64_t at = depthwise_row(shape, unit, row);
        const float* added = target.residual.active() ? target.residual.tensor() + at : nullptr;
        micro_.depthwise_values(view(row), weights, blocks, tile.columns,
                                {bias, 0, added, target.y.floats + at, shape.O, clamp_});
      }
      return;
    }
    const size_t size = static_cast<size_t>(tile.slots() * unit.width);
    float* sums = thread_scratch().accumulators.get<float>(size);
    for (int64_t row = 0; row < tile.rows; row++)
      micro_.depthwise_slots(view(row), weights, blocks, tile.columns,
                             {bias, 0, sums + row * tile.columns * unit.width, unit.width});
    finish_depthwise(target, unit, sums);
  }

  // [down][across][width], channels filled up with zeros.
  static const float* copy(const ConvShape& shape, const float* x, const DepthwiseUnit& unit,
                           const DepthwiseSpan& down, const DepthwiseSpan& across) {
    const int64_t line = across.places * unit.width;
    float* packed =
        thread_scratch().input.get<float>(checked_size({down.places, across.places, unit.width}));
    if (down.end - down.begin < down.places || across.end - across.begin < across.places ||
        unit.count < unit.width)
      std::fill_n(packed, down.places * line, 0.0f);
    for (int64_t y = down.begin; y < down.end; y++) {
      const int64_t row = (unit.tile.n * shape.H + down.from + y - down.begin) * shape.W;
      for (int64_t i = across.begin; i < across.end; i++) {
        const int64_t pixel = row + across.from + i - across.begin;
        std::memcpy(packed + y * line + i * unit.width, x + pixel * shape.C + unit.first,
                    static_cast<size_t>(unit.count) * sizeof(float));
      }
    }
    return packed;
  }

  std::vector<float> bias_;
  Clamp clamp_;
  int64_t channels_;  // of a unit of work
  Buffer data_;
  float* weights_ = nullptr;  // [channels of a unit][tap][lane]
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_depthwise(const SrmmLayer& layer) {
  return std::make_unique<Depthwise>(layer);
}

}  // namespace spl
