#include "kernels/pooling/lrn.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "kernels/base/ceil_div.h"
#include "kernels/base/scratch.h"
#include "kernels/micro/lrn_rows.h"

namespace spl {
namespace {

constexpr int64_t kUnitValues = 16384;  // of a unit of work: 64 KB in, 64 KB out
constexpr int64_t kMostSize = 258;      // 258 * 255^2 < 2^24

Lrn lrn_of(const LrnAttributes& at, int64_t channels, float scale) {
  // A window that reaches beyond all channels sums the same values as one that ends there.
  const int64_t others = std::max<int64_t>(0, channels - 1);
  return {
      channels, std::min((at.size - 1) / 2, others), std::min(at.size / 2, others), scale, at.beta,
      at.bias};
}

// body(first pixel, pixels of the unit, room for squares).
template <class Body>
Status for_each_unit(const Lrn& lrn, int64_t pixels, const Parallel& parallel, Body&& body) {
  if (pixels == 0 || lrn.channels == 0) return {};
  thread_scratch().begin_run();
  const int64_t step = std::max<int64_t>(1, kUnitValues / lrn.channels);
  const auto room = static_cast<size_t>(lrn_room(lrn.channels, lrn.before + lrn.after));
  return run_all(parallel, static_cast<size_t>(ceil_div(pixels, step)), [&](size_t unit) {
    const int64_t first = static_cast<int64_t>(unit) * step;
    body(first, std::min(step, pixels - first), thread_scratch().values.get<float>(room));
    return Status();
  });
}

}  // namespace

Status LrnAttributes::check() const {
  if (size < 1) return "attribute size: got " + std::to_string(size) + ", wanted 1 or more";
  if (!std::isfinite(alpha) || !std::isfinite(beta) || !std::isfinite(bias))
    return "attributes alpha, beta and bias: got " + std::to_string(alpha) + ", " +
           std::to_string(beta) + " and " + std::to_string(bias) + ", wanted finite numbers";
  return {};
}

Status LrnAttributes::check_bytes() const {
  if (Status wrong = check(); !wrong.empty()) return wrong;
  if (size > kMostSize)
    return "attribute size: got " + std::to_string(size) + ", wanted at most " +
           std::to_string(kMostSize) + " for bytes, whose sums are then exact";
  if (!(alpha >= 0 && bias >= FLT_MIN))
    return "attributes alpha and bias: got " + std::to_string(alpha) + " and " +
           std::to_string(bias) + ", wanted an alpha of 0 or more and a positive bias for bytes";
  return {};
}

Status run_lrn(const LrnAttributes& at, const float* x, int64_t pixels, int64_t channels, float* y,
               const Parallel& parallel, const MicroKernels& micro) {
  const Lrn lrn = lrn_of(at, channels, at.alpha / static_cast<float>(at.size));
  return for_each_unit(lrn, pixels, parallel, [&](int64_t first, int64_t count, float* room) {
    const int64_t begin = first * channels;
    micro.lrn_pixels(lrn, x + begin, count, room, y + begin);
  });
}

Status run_byte_lrn(const LrnAttributes& at, const uint8_t* x, const Quantization& x_code,
                    int64_t pixels, int64_t channels, uint8_t* y, const Quantization& y_code,
                    const Parallel& parallel, const MicroKernels& micro) {
  const float share = at.alpha / static_cast<float>(at.size);
  const Lrn lrn = lrn_of(at, channels, share * (x_code.scale * x_code.scale));
  const Quantization of_steps{0, x_code.scale * y_code.inverse, y_code.zero};
  return for_each_unit(lrn, pixels, parallel, [&](int64_t first, int64_t count, float* room) {
    const int64_t begin = first * channels;
    micro.lrn_bytes(lrn, x + begin, x_code.zero, count, room, of_steps, y + begin);
  });
}

}  // namespace spl
