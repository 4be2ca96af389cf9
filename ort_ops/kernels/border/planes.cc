#include "kernels/border/planes.h"

#include <algorithm>

#include "kernels/base/ceil_div.h"

namespace spl {
namespace {

// Pixels of a unit of work: its bytes stay in the first cache while its planes are read one by one,
// and each plane gives whole cache lines.
constexpr int64_t kUnitBytes = 16384, kLeastPixels = 64;

}  // namespace

Status run_quantize_planes(const float* x, int64_t images, int64_t channels, int64_t pixels,
                           const Quantization& code, uint8_t* y, const Parallel& parallel,
                           const MicroKernels& micro) {
  if (images == 0 || channels == 0 || pixels == 0) return {};
  const int64_t step = std::max(kLeastPixels, kUnitBytes / channels / kLanes * kLanes);
  const int64_t units = ceil_div(pixels, step);
  return run_all(parallel, static_cast<size_t>(images * units), [&](size_t unit) {
    const int64_t image = static_cast<int64_t>(unit) / units * channels * pixels;
    const int64_t first = static_cast<int64_t>(unit) % units * step;
    micro.quantize_planes(x + image + first, pixels, std::min(step, pixels - first), channels, code,
                          y + image + first * channels);
    return Status();
  });
}

}  // namespace spl
