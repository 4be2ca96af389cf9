// Winograd's convolution from image to values, whatever its products are computed in.
//
// Tiles are worked on side by side where there are enough of them; a few are cut into rows of
// squares first, if the weights are so small that each part may read them all. Otherwise tiles are
// worked on one by one, their outputs side by side. The numbers do not depend on it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/base/run_images.h"
#include "kernels/srmm/algorithms.h"
#include "kernels/srmm/epilogue.h"
#include "kernels/srmm/selection.h"
#include "kernels/srmm/winograd/winograd.h"

namespace spl {

// Runs an algorithm that knows floats only on an image whose values may be wanted as bytes.
inline Status run_to_target(const ConvShape& shape, const SrmmInputs& image,
                            const Parallel& threads, const SrmmAlgorithm& algorithm) {
  if (image.y_bytes == nullptr) return algorithm.run(shape, image, threads);
  std::vector<float> values(checked_size({shape.outputs()}));
  SrmmInputs floats = image;
  floats.y = values.data(), floats.y_bytes = nullptr;
  Status bad = algorithm.run(shape, floats, threads);
  for (size_t i = 0; i < values.size(); i++) {
    const float level = std::nearbyint(values[i] * image.y_code.inverse) + image.y_code.zero;
    image.y_bytes[i] = static_cast<uint8_t>(std::fmin(std::fmax(level, 0.0f), 255.0f));
  }
  return bad;
}

// run_image(shape, inputs, threads, &finite) -> Status for each image. One whose sums are not all
// finite is computed again with direct sums: such a value spreads over the square of its outputs,
// and only they keep it where it belongs.
template <class F>
Status run_finite_images(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel,
                         const std::function<const SrmmAlgorithm&()>& direct, F&& run_image) {
  return run_images(shape.N, parallel, [&](int64_t n, const Parallel& threads) {
    const ConvShape one = shape.image(n);
    const SrmmInputs image = image_inputs(shape, in, n);
    bool finite = true;
    Status bad = run_image(one, image, threads, &finite);
    // Bytes are always finite, and so are their sums but for scales that no data has.
    if (bad.empty() && !finite && image.x_bytes == nullptr)
      bad = run_to_target(one, image, threads, direct());
    return bad;
  });
}

namespace winograd {

constexpr int kLeastSquares = 12;  // of a part: two register tiles share its weights

constexpr Clamp kNoClamp = {-std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::infinity(), 0};

// Whether so many equal units keep the threads busy. While one thread was seen there may be more.
inline bool balanced(int64_t units, const Parallel& parallel) {
  const int threads = parallel.threads();
  return units >= wanted_units(parallel) || (threads > 1 && units % threads == 0);
}

// Rows [from, to) of squares of a tile without pooling, as a tile; without rows where there are
// none.
inline Tile rows_of_squares(const Tile& tile, int64_t side, int64_t from, int64_t to) {
  Tile part = tile;
  part.cy0 = part.py0 = tile.cy0 + from * side;
  part.rows =
      static_cast<int>(std::max<int64_t>(0, std::min((to - from) * side, tile.rows - from * side)));
  part.py1 = part.py0 + part.rows;
  return part;
}

// Into how many parts each of a few tiles is cut, so that all threads are busy in one go: a small
// layer takes no longer than it takes to wake the threads for its two steps.
inline int64_t cuts(const ConvShape& shape, const Tiling& tiling, const Parallel& parallel) {
  const int64_t units = tiling.per_image() * shape.at.group;
  if (balanced(units, parallel) || shape.pooled() || !winograd_weights_near(shape)) return 1;
  const int64_t wanted = parallel.threads() / std::gcd<int64_t>(units, parallel.threads());
  const int64_t side = winograd_side(shape), high = (tiling.tile(0).rows + side - 1) / side;
  return wanted <= high ? wanted : 1;
}

// A block of outputs in rows [row, row + rows) of squares.
struct Part {
  int block, row, rows;
};

// Products have
//   explicit Products(const SrmmLayer&), blocks(), lane_blocks(block), first_output(block)
//   class Input(shape, tile, group, micro)   high, wide, squares, and transform_row(in, row), which
//                                            says whether all it made is finite
//   multiply(micro, input, group, part, sums, stride)   the sums of place p at sums + p * stride
//   tiling(shape), first_square(shape, tile) = the tile from where its squares begin, kOutput = the
//   micro kernel that transforms sums back
template <class Products>
class WinogradDriver {
 public:
  explicit WinogradDriver(const SrmmLayer& layer)
      : products_(layer),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  // One image. `finite` says whether all sums are.
  Status run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel,
             bool* finite) const;

 private:
  using Input = typename Products::Input;
  struct Image;
  struct PositionSums;

  Status run_tile(const Image& image, const Tile& tile, int64_t group,
                  const Parallel& parallel) const;
  int row_parts(const Image& image, const Input& input, const Parallel& parallel) const;
  Status run_block(const Image& image, const Tile& tile, int64_t group, const Input& input,
                   const Part& part) const;
  bool transform_back(const Input& input, const Part& part, int64_t side, const PositionSums& sums,
                      const SquareValues& to) const;

  Products products_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

template <class Products>
struct WinogradDriver<Products>::Image {
  const ConvShape& shape;
  const SrmmInputs& in;
  std::atomic<bool>& finite;
};

// Sums of place p at data + p * stride: [squares][16 * blocks].
template <class Products>
struct WinogradDriver<Products>::PositionSums {
  const float* data;
  int64_t stride;
  int blocks;
};

template <class Products>
Status WinogradDriver<Products>::run(const ConvShape& shape, const SrmmInputs& in,
                                     const Parallel& parallel, bool* finite) const {
  const Tiling tiling = Products::tiling(shape);
  std::atomic<bool> all_finite{true};
  const Image image{shape, in, all_finite};
  const int64_t parts = cuts(shape, tiling, parallel), side = winograd_side(shape);
  const int64_t tiles = tiling.per_image(), units = tiles * shape.at.group * parts;
  auto run_unit = [&](size_t i, const Parallel& inside) {
    const int64_t unit = static_cast<int64_t>(i) / parts, part = static_cast<int64_t>(i) % parts;
    Tile tile = Products::first_square(shape, tiling.tile(unit % tiles));
    if (parts > 1) {
      const int64_t high = (tile.rows + side - 1) / side;
      tile = rows_of_squares(tile, side, high * part / parts, high * (part + 1) / parts);
    }
    return tile.rows == 0 ? Status() : run_tile(image, tile, unit / tiles, inside);
  };
  Status bad;
  if (balanced(units, parallel))
    bad = run_all(parallel, static_cast<size_t>(units),
                  [&](size_t i) { return run_unit(i, Parallel()); });
  else
    for (size_t i = 0; i < static_cast<size_t>(units) && bad.empty(); i++)
      bad = run_unit(i, parallel);
  *finite = all_finite;
  return bad;
}

template <class Products>
Status WinogradDriver<Products>::run_tile(const Image& image, const Tile& tile, int64_t group,
                                          const Parallel& parallel) const {
  const Input input(image.shape, tile, group, micro_);
  Status bad = run_all(parallel, static_cast<size_t>(input.high()), [&](size_t row) {
    if (!input.transform_row(image.in, static_cast<int>(row))) image.finite = false;
    return Status();
  });
  if (!bad.empty()) return bad;
  const int blocks = products_.blocks(), parts = row_parts(image, input, parallel);
  return run_all(parallel, static_cast<size_t>(blocks * parts), [&](size_t i) {
    const int index = static_cast<int>(i), part = index % parts;
    const int from = input.high() * part / parts, to = input.high() * (part + 1) / parts;
    return run_block(image, tile, group, input, {index / parts, from, to - from});
  });
}

// Into how many parts the rows of squares are cut: each reads all weights, so only as many as the
// threads need, and none where windows of pooling reach across.
template <class Products>
int WinogradDriver<Products>::row_parts(const Image& image, const Input& input,
                                        const Parallel& parallel) const {
  if (image.shape.pooled() || image.in.s != nullptr || parallel.threads() < 2) return 1;
  const int most = std::min(input.high(), std::max(1, input.squares() / kLeastSquares));
  int parts = 1;
  while (parts < most && !balanced(static_cast<int64_t>(products_.blocks()) * parts, parallel))
    parts++;
  return parts;
}

template <class Products>
Status WinogradDriver<Products>::run_block(const Image& image, const Tile& tile, int64_t group,
                                           const Input& input, const Part& part) const {
  const ConvShape& shape = image.shape;
  const int block = part.block, squares = part.rows * input.wide();
  const int64_t width = products_.lane_blocks(block) * kLanes;
  const int64_t o = group * shape.Og() + products_.first_output(block);
  const int64_t count = std::min(width, shape.Og() - products_.first_output(block));
  if (image.in.s != nullptr) {
    Status bad = check_codes(shape, micro_, tile, image.in.s, o, o + count);
    if (!bad.empty()) return bad;
  }
  const int64_t stride = squares * width + kLanes;  // see WinogradInput
  const int64_t side = winograd_side(shape), slots = squares * side * side;
  const ResidualReader residual(shape, image.in.residual);
  const EpilogueTarget target{shape, micro_, residual, clamp_, image.in.s, image.in.target()};
  const bool fused = target.fused(count, width);
  float* sums = thread_scratch().accumulators.get<float>(
      static_cast<size_t>(kWinogradPositions * stride + (fused ? 0 : slots * width)));
  products_.multiply(micro_, input, group, part, sums, stride);
  const PositionSums positions{sums, stride, static_cast<int>(width) / kLanes};
  const bool whole = part.rows == input.high();
  const Tile rows = whole ? tile : rows_of_squares(tile, side, part.row, part.row + part.rows);
  const float* bias = bias_.data() + o;
  if (fused) {
    const int64_t at = ((tile.n * shape.oH + rows.cy0) * shape.oW + rows.cx0) * shape.O + o;
    const SquareValues to{bias,    residual.addend(at), target.y.from(at), shape.oW * shape.O,
                          shape.O, rows.rows,           rows.columns,      clamp_};
    if (!transform_back(input, part, side, positions, to)) image.finite = false;
    return "";
  }
  float* values = sums + kWinogradPositions * stride;
  const int64_t pitch = input.wide() * side;
  if (target.bytes_first()) {
    uint8_t* bytes = reinterpret_cast<uint8_t*>(values);
    const SquareValues to{bias,          {},    {nullptr, bytes, target.y.code},
                          pitch * width, width, rows.rows,
                          rows.columns,  clamp_};
    if (!transform_back(input, part, side, positions, to)) image.finite = false;
    epilogue_of_bytes(target, rows, {bytes, width, pitch}, o, count);
    return "";
  }
  const SquareValues to{bias,  {},        {values},     pitch * width,
                        width, rows.rows, rows.columns, kNoClamp};
  if (!transform_back(input, part, side, positions, to)) image.finite = false;
  epilogue(target, rows, {reinterpret_cast<const char*>(values), width * 4, pitch}, o, count);
  return "";
}

// `to` is that of the whole part. Says whether all values are finite.
template <class Products>
bool WinogradDriver<Products>::transform_back(const Input& input, const Part& part, int64_t side,
                                              const PositionSums& sums,
                                              const SquareValues& to) const {
  bool finite = true;
  for (int64_t y = 0, s = 0; y < part.rows; y++)
    for (int64_t x = 0; x < input.wide(); x++, s++) {
      SquareValues square = to;
      const int64_t at = y * side * to.row_stride + x * side * to.pixel_stride;
      square.y = to.y.from(at);
      square.residual = to.residual.from(at);
      square.rows = static_cast<int>(std::min(side, to.rows - y * side));
      square.columns = static_cast<int>(std::min(side, to.columns - x * side));
      finite &= (micro_.*Products::kOutput)(sums.data + s * sums.blocks * kLanes, sums.stride,
                                            sums.blocks, static_cast<int>(side), square);
    }
  return finite;
}

// The algorithm: images one by one.
template <class Products>
class WinogradAlgorithm final : public SrmmAlgorithm {
 public:
  explicit WinogradAlgorithm(const SrmmLayer& layer) : driver_(layer), direct_(layer.direct) {}

  Status run(const ConvShape& shape, const SrmmInputs& in,
             const Parallel& parallel) const override {
    return run_finite_images(
        shape, in, parallel, direct_,
        [&](const ConvShape& one, const SrmmInputs& image, const Parallel& threads, bool* finite) {
          return driver_.run(one, image, threads, finite);
        });
  }

 private:
  WinogradDriver<Products> driver_;
  std::function<const SrmmAlgorithm&()> direct_;
};

}  // namespace winograd
}  // namespace spl
