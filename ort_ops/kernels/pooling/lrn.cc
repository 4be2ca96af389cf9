#include "kernels/pooling/lrn.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/ceil_div.h"
#include "kernels/base/scratch.h"

namespace spl {
namespace {

constexpr int64_t kUnitValues = 16384;  // of a unit of work: 64 KB in, 64 KB out

}  // namespace

Status LrnAttributes::check() const {
  if (size < 1) return "attribute size: got " + std::to_string(size) + ", wanted 1 or more";
  if (!std::isfinite(alpha) || !std::isfinite(beta) || !std::isfinite(bias))
    return "attributes alpha, beta and bias: got " + std::to_string(alpha) + ", " +
           std::to_string(beta) + " and " + std::to_string(bias) + ", wanted finite numbers";
  return {};
}

Status run_lrn(const LrnAttributes& at, const float* x, int64_t pixels, int64_t channels, float* y,
               const Parallel& parallel, const MicroKernels& micro) {
  if (pixels == 0 || channels == 0) return {};
  thread_scratch().begin_run();
  // A window that reaches beyond all channels sums the same values as one that ends there.
  const Lrn lrn{channels,
                std::min((at.size - 1) / 2, channels - 1),
                std::min(at.size / 2, channels - 1),
                at.alpha / static_cast<float>(at.size),
                at.beta,
                at.bias};
  const int64_t step = std::max<int64_t>(1, kUnitValues / channels);
  const size_t room = static_cast<size_t>(channels + lrn.before + lrn.after + kLanes);
  return run_all(parallel, static_cast<size_t>(ceil_div(pixels, step)), [&](size_t unit) {
    const int64_t first = static_cast<int64_t>(unit) * step, at_value = first * channels;
    micro.lrn_pixels(lrn, x + at_value, std::min(step, pixels - first),
                     thread_scratch().values.get<float>(room), y + at_value);
    return Status();
  });
}

}  // namespace spl
