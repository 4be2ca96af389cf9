// SRMM with all outputs computed by Winograd's convolution.
//
// Tiles are worked on one by one, their parts side by side, where there are few; otherwise tiles
// side by side. The numbers do not depend on it.
#include <algorithm>
#include <atomic>

#include "kernels/conv_srmm.h"
#include "kernels/finish_tile.h"
#include "kernels/lazy.h"
#include "kernels/selection.h"
#include "kernels/winograd.h"

namespace spl {
namespace {

class Winograd final : public SrmmMethod {
 public:
  explicit Winograd(const SrmmLayer& layer)
      : weights_(layer.shape, layer.w),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        direct_([layer] { return make_direct(layer); }),
        micro_(layer.micro) {}

  Message run(const ConvShape& shape, const SrmmInputs& in,
              const Parallel& parallel) const override {
    if (shape.outputs() == 0) return "";
    const ConvShape first = shape.image(0);
    const Tiling tiling = winograd_tiling(first);
    for (int64_t n = 0; n < shape.N; n++) {
      const ConvShape one = shape.image(n);
      std::atomic<bool> finite{true};
      Message bad = run_image({one, tiling, image_inputs(shape, in, n), finite}, parallel);
      // A value that is not finite spreads over the square of its outputs: only sums that are
      // formed directly keep it where it belongs.
      if (bad.empty() && !finite) bad = direct_.get().run(one, image_inputs(shape, in, n), parallel);
      if (!bad.empty()) return bad;
    }
    return "";
  }

 private:
  struct Image {
    const ConvShape& shape;
    const Tiling& tiling;
    const SrmmInputs in;
    std::atomic<bool>& finite;
  };

  Message run_image(const Image& image, const Parallel& parallel) const {
    const int64_t tiles = image.tiling.per_image(), units = tiles * image.shape.at.group;
    auto run_unit = [&](size_t i, const Parallel& inside) {
      const int64_t unit = static_cast<int64_t>(i);
      const Tile tile = image.tiling.tile(unit % tiles);
      return tile.rows == 0 ? Message() : run_tile(image, tile, unit / tiles, inside);
    };
    if (units >= wanted_units())
      return run_all(parallel, static_cast<size_t>(units),
                     [&](size_t i) { return run_unit(i, Parallel()); });
    for (int64_t i = 0; i < units; i++) {
      Message bad = run_unit(static_cast<size_t>(i), parallel);
      if (!bad.empty()) return bad;
    }
    return "";
  }

  Message run_tile(const Image& image, const Tile& tile, int64_t group,
                   const Parallel& parallel) const {
    const WinogradInput input(image.shape, tile, group, micro_);
    Message bad = run_all(parallel, static_cast<size_t>(input.high()), [&](size_t row) {
      input.transform_row(image.in.x, static_cast<int>(row));
      return Message();
    });
    if (!bad.empty()) return bad;
    return run_all(parallel, static_cast<size_t>(weights_.blocks()), [&](size_t block) {
      return run_block(image, tile, group, input, static_cast<int>(block));
    });
  }

  Message run_block(const Image& image, const Tile& tile, int64_t group,
                    const WinogradInput& input, int block) const {
    const ConvShape& shape = image.shape;
    const int64_t width = weights_.lane_blocks(block) * kLanes;
    const int64_t o = group * shape.Og() + weights_.first_output(block);
    const int64_t count = std::min(width, shape.Og() - weights_.first_output(block));
    if (image.in.s != nullptr) {
      Message bad = check_codes(shape, micro_, tile, image.in.s, o, o + count);
      if (!bad.empty()) return bad;
    }
    const int64_t stride = input.squares() * width + kLanes;  // see WinogradInput
    const int64_t side = winograd_side(shape), slots = input.squares() * side * side;
    float* sums = thread_scratch().accumulators.get<float>(
        static_cast<size_t>(kWinogradPlaces * stride + slots * width));
    multiply(input, group, block, sums, stride);
    float* values = sums + kWinogradPlaces * stride;
    if (!transform_back(input, side, {sums, stride, width}, bias_.data() + o, values))
      image.finite = false;
    const ResidualReader residual(shape, image.in.residual);
    finish_tile({shape, micro_, residual, clamp_, image.in.s, image.in.y}, tile,
                {reinterpret_cast<const char*>(values), width * 4, input.wide() * side}, o, count);
    return "";
  }

  // sums of place p at sums + p * stride: [squares][16 * lane blocks]
  void multiply(const WinogradInput& input, int64_t group, int block, float* sums,
                int64_t stride) const {
    static const float zeros[8 * kLanes] = {};
    const int64_t width = weights_.lane_blocks(block) * kLanes;
    for (int p = 0; p < kWinogradPlaces; p++)
      micro_.dense_slots(input.view(p), input.channels(), weights_.place(group, block, p),
                         weights_.lane_blocks(block), input.squares(),
                         {zeros, 0, sums + p * stride, width});
  }

  struct PlaceSums {
    const float* data;
    int64_t stride, width;
  };

  bool transform_back(const WinogradInput& input, int64_t side, const PlaceSums& sums,
                      const float* bias, float* values) const {
    const int64_t row = input.wide() * side * sums.width;
    bool finite = true;
    for (int64_t y = 0, s = 0; y < input.high(); y++)
      for (int64_t x = 0; x < input.wide(); x++, s++)
        finite &= micro_.winograd_output(sums.data + s * sums.width, sums.stride,
                                         static_cast<int>(sums.width) / kLanes,
                                         static_cast<int>(side), bias,
                                         values + y * side * row + x * side * sums.width, row,
                                         sums.width);
    return finite;
  }

  WinogradWeights weights_;
  std::vector<float> bias_;
  Clamp clamp_;
  Lazy<SrmmMethod> direct_;
  const MicroKernels& micro_;
};

}  // namespace

std::unique_ptr<SrmmMethod> make_winograd(const SrmmLayer& layer) {
  return std::make_unique<Winograd>(layer);
}

}  // namespace spl
