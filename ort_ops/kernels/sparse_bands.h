// Walks over an image band by band for zero skipping: packs the non-zero inputs and runs work on
// every band of output rows and block of outputs.
//
// Kernels of several rows read each input row for several output rows, so the whole image is packed
// first, side by side on all threads. Kernels of one row share nothing between bands: each band
// packs its own rows, which then stay in the cache of the core that reads them.
#pragma once

#include <algorithm>

#include "kernels/status.h"
#include "kernels/tiles.h"
#include "kernels/zero_skip.h"

namespace spl {

// Sums of a band of one block of outputs, and the inputs of a band with its own rows, wait in the
// second-level cache.
constexpr int64_t kBandSums = 48 << 10;
constexpr int64_t kBandInputs = 64 << 10;

// pack(image, y0, y1, parallel) packs input rows [y0, y1); work(image, tile, block) -> Message.
template <class Pack, class Work>
Message run_bands(const ConvShape& shape, const ZeroSkipWeights& weights, const MicroKernels& micro,
                  int64_t n, const Parallel& parallel, Pack pack, Work work) {
  const int64_t blocks = weights.blocks(), wanted = wanted_units();
  const int64_t sums_fit = kBandSums / (zero_skip_pitch(shape) * weights.widest());
  if (shape.kH > 1) {
    SparseImage image(shape, weights.per_element(), weights.step(), micro);
    pack(image, 0, shape.H, parallel);
    const RowBands bands(shape, std::max<int64_t>(1, sums_fit), (wanted + blocks - 1) / blocks);
    return run_all(parallel, static_cast<size_t>(bands.count() * blocks), [&](size_t i) {
      const int64_t at = static_cast<int64_t>(i);
      const Tile tile = bands.tile(at / blocks, n);
      return tile.rows == 0 ? Message() : work(image, tile, static_cast<int>(at % blocks));
    });
  }
  const int64_t inputs_fit = kBandInputs / std::max<int64_t>(1, shape.W * shape.Cg);
  const RowBands bands(shape, std::max<int64_t>(1, std::min(sums_fit, inputs_fit)), wanted);
  // Few bands: blocks are shared out too, and their inputs packed more than once.
  const int64_t shares = std::min(blocks, (wanted + bands.count() - 1) / bands.count());
  return run_all(parallel, static_cast<size_t>(bands.count() * shares), [&](size_t i) {
    const int64_t share = static_cast<int64_t>(i) % shares;
    const Tile tile = bands.tile(static_cast<int64_t>(i) / shares, n);
    Message bad;
    if (tile.rows == 0) return bad;
    SparseImage image(shape, weights.per_element(), weights.step(), micro);
    const int64_t y0 = tile.cy0 * shape.at.strides[0] - shape.at.pads[0];
    const int64_t y1 = y0 + (tile.rows - 1) * shape.at.strides[0] + 1;
    pack(image, std::clamp<int64_t>(y0, 0, shape.H), std::clamp<int64_t>(y1, 0, shape.H),
         Parallel());
    for (int64_t b = blocks * share / shares; b < blocks * (share + 1) / shares && bad.empty(); b++)
      bad = work(image, tile, static_cast<int>(b));
    return bad;
  });
}

}  // namespace spl
