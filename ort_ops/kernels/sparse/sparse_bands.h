// Walks over an image band by band for zero skipping: packs the non-zero inputs of the whole image
// side by side on all threads, then runs work on every band of output rows and block of outputs.
//
// Packing band by band, which kernels of one row allow, was 3 % slower on ResNet-50 (1 x 1 layers):
// bands then have to be smaller, and each reads all weights.
#pragma once

#include <algorithm>

#include "kernels/base/ceil_div.h"
#include "kernels/base/status.h"
#include "kernels/shape/tiles.h"
#include "kernels/sparse/zero_skip.h"

namespace spl {

// Sums of a band of one block of outputs wait in the second-level cache.
constexpr int64_t kBandSums = 48 << 10;

// pack(image) packs the input; work(image, tile, block) -> Status.
template <class Pack, class Work>
Status run_bands(const ConvShape& shape, const ZeroSkipWeights& weights, const MicroKernels& micro,
                 int64_t n, const Parallel& parallel, Pack pack, Work work) {
  SparseImage image(shape, weights.per_element(), weights.step(), micro);
  pack(image);
  const int64_t blocks = weights.blocks();
  const int64_t fits = kBandSums / (zero_skip_pitch(shape) * weights.widest());
  const RowBands bands(shape, std::max<int64_t>(1, fits), ceil_div(wanted_units(parallel), blocks));
  return run_all(parallel, static_cast<size_t>(bands.count() * blocks), [&](size_t i) {
    const int64_t at = static_cast<int64_t>(i);
    const Tile tile = bands.tile(at / blocks, n);
    return tile.rows == 0 ? Status() : work(image, tile, static_cast<int>(at % blocks));
  });
}

}  // namespace spl
