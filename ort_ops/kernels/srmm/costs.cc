// Cycles are those of a core with two 16-lane multiply-adds and two loads per cycle; on narrower
// ones all algorithms take longer alike. Compare with measurements, and fit again, by
//
//     python -m scripts.fit_costs
//
// which times each algorithm alone and prints the measured time over the one from here.
#include "kernels/srmm/costs.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/ceil_div.h"
#include "kernels/sparse/sampling.h"
#include "kernels/sparse/zero_skip.h"
#include "kernels/srmm/winograd/space_to_depth.h"
#include "kernels/srmm/winograd/winograd.h"

namespace spl {
namespace {

constexpr double kAddsPerCycle = 2;  // of lane blocks
constexpr double kFetchCycles = 7;   // to get a lane block of weights from memory

// Computing and fetching, of which the shorter hides behind the other for the most part.
double together(double computing, double fetching) {
  constexpr double kHidden = 0.7;  // of the shorter
  return std::max(computing, fetching) + (1 - kHidden) * std::min(computing, fetching);
}

// Cycles of ONNX Runtime's dense work on an image.
double dense_cycles(const ConvShape& s) {
  const double weights = static_cast<double>(s.K() * ceil_div(s.Og(), kLanes));
  return together(static_cast<double>(s.oH * s.oW) * weights / kAddsPerCycle,
                  weights * kFetchCycles);
}

double winograd_cycles(const ConvShape& s) {
  constexpr double kTransform = 150, kBack = 120, kPixel = 4, kSquare = 60;
  constexpr double kFetchNear = 5.2;  // cycles per lane block, from the third-level cache
  const double side = winograd_side(s), channels = static_cast<double>(s.Cg);
  const double blocks_in = ceil_div(s.Cg, kLanes), blocks_out = ceil_div(s.Og(), kLanes);
  const double squares = ceil_div(s.oH, winograd_side(s)) * ceil_div(s.oW, winograd_side(s));
  const double weights = kWinogradPositions * channels * blocks_out;  // lane blocks
  const double square = weights / kAddsPerCycle + kSquare + blocks_in * kTransform +
                        blocks_out * (kBack + kPixel * side * side);
  const double fetch = winograd_weights_near(s)
                           ? kFetchNear
                           : kFetchCycles * std::ceil(squares / kWinogradTileSquares);
  return together(squares * square, weights * fetch);
}

}  // namespace

double ImageLook::zeros() const {
  if (!zeros_) zeros_ = sampled_zero_share(shape_, x_, 1);
  return *zeros_;
}

double ImageLook::selected() const {
  if (!selected_) selected_ = s_ == nullptr ? 1 : selected_share(shape_, s_, micro_);
  return *selected_;
}

// The lists and the scattering of results cost the same for short and long products.
double selected_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels&) {
  constexpr double kBookkeeping = 70;  // multiply-adds per output
  const bool one_tap = shape.taps() == 1;
  return (one_tap ? 0.2 : 0.1) + kBookkeeping / static_cast<double>(shape.K()) +
         (one_tap ? 1.65 : 1.35) * look.selected();
}

// Every multiply-add loads its weights and every element is loaded once, so few outputs per element
// cost more.
double zero_skip_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro) {
  constexpr double kLeastAdds = 4;  // multiply-adds in the time of an element's bookkeeping
  constexpr double kSlack = 1.08;   // of the multiply loop
  constexpr double kColumn = 25;    // cycles to begin and end a column of a chunk
  constexpr double kCompress = 7;   // cycles per vector to pack the non-zero elements
  constexpr double kPasses = 6;     // cycles per vector to begin and finish sums
  constexpr double kFetch = 3;      // cycles to get a vector of weights, beside the rest
  if (!ZeroSkipWeights::suits(shape)) return INFINITY;
  const bool slides = zero_skip_slides(shape);
  const int64_t total = ceil_div(shape.Og(), kLanes);
  const int64_t most = slides ? micro.slide_blocks : micro.tap_blocks;
  const double blocks = static_cast<double>(std::min(total, most)), taps = slides ? 3 : 1;
  const double adds = blocks * taps, bytes = zero_skip_chunk_bytes(slides);
  const double depth = std::clamp(bytes / (adds * kLanes * 4), 16.0, static_cast<double>(kMaxMask));
  const double multiply =
      (1 - look.zeros()) * kSlack * std::max((adds + 1) / adds, kLeastAdds / adds);
  const double columns = kColumn * kAddsPerCycle / (depth * adds);
  const double pixels =
      shape.pointwise() ? 1 : static_cast<double>(shape.H * shape.W) / (shape.oH * shape.oW);
  // Rows of more than one tap have their sums begun and finished in passes of their own.
  const double passes = shape.pointwise() ? 0 : kPasses * kAddsPerCycle / shape.K();
  const double compress =
      kCompress * kAddsPerCycle * pixels / static_cast<double>(shape.taps() * total * kLanes);
  // Small images use the weights they read but a few times.
  const double fetch = kFetch * static_cast<double>(shape.K() * total) / dense_cycles(shape);
  return multiply + columns + passes + compress + fetch;
}

double direct_cost(const ConvShape&, const ImageLook&, const MicroKernels&) { return 1.08; }

double pointwise_cost(const ConvShape&, const ImageLook&, const MicroKernels&) { return 1.02; }

// Fitted to layers of 16 to 512 channels on maps of 7 to 224 pixels.
double winograd_cost(const ConvShape& shape, const ImageLook&, const MicroKernels&) {
  return winograd_cycles(shape) / dense_cycles(shape);
}

double space_to_depth_cost(const ConvShape& shape, const ImageLook&, const MicroKernels&) {
  return winograd_cycles(space_to_depth(shape)) / dense_cycles(shape);
}

// With products of bytes; of 16-bit pairs, half as many at a time.
double direct_int8_cost(const ConvShape&, const ImageLook&, const MicroKernels& micro) {
  return micro.unit_channels == 4 ? 0.3 : 0.55;
}

// Where these can be taken, direct sums fill a lane block with one output.
double depthwise_cost(const ConvShape&, const ImageLook&, const MicroKernels&) { return 0.5; }

double depthwise_int8_cost(const ConvShape&, const ImageLook&, const MicroKernels&) { return 0.2; }

double winograd_int8_cost(const ConvShape& shape, const ImageLook&, const MicroKernels& micro) {
  return winograd_cycles(shape) / dense_cycles(shape) * (micro.unit_channels == 4 ? 0.7 : 1.2);
}

}  // namespace spl
