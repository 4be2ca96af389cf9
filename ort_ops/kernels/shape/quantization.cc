#include "kernels/shape/quantization.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "kernels/base/ceil_div.h"

namespace spl {
namespace {

constexpr int64_t kPart = 1 << 16;  // floats of one unit of work

Quantization from_range(float low, float high) {
  float scale = (high - low) / 255.0f;
  if (!std::isfinite(scale) || scale < FLT_MIN) scale = 1.0f;
  const float zero = std::min(std::max(std::nearbyintf(-low / scale), 0.0f), 255.0f);
  return {scale, 1.0f / scale, zero};
}

}  // namespace

Status dynamic_quantizations(const float* x, int64_t count, int64_t size, const MicroKernels& micro,
                             const Parallel& parallel, std::vector<Quantization>* out) {
  // Parts of an entry are searched side by side; least and largest do not depend on the order.
  const int64_t parts = std::max<int64_t>(1, ceil_div(size, kPart));
  std::vector<float> low(static_cast<size_t>(count * parts), 0.0f), high(low);
  Status message = run_all(parallel, static_cast<size_t>(count * parts), [&](size_t i) {
    const int64_t entry = static_cast<int64_t>(i) / parts,
                  begin = static_cast<int64_t>(i) % parts * kPart;
    micro.min_max(x + entry * size + begin, std::min(kPart, size - begin), &low[i], &high[i]);
    return Status();
  });
  for (int64_t e = 0; e < count; e++) {
    const auto at = static_cast<std::ptrdiff_t>(e * parts);
    out->push_back(from_range(*std::min_element(low.begin() + at, low.begin() + at + parts),
                              *std::max_element(high.begin() + at, high.begin() + at + parts)));
  }
  return message;
}

}  // namespace spl
