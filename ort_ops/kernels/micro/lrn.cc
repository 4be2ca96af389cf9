// Local response normalisation of channels-last pixels. Every sum is taken afresh, channel by
// channel: a running sum would keep the rounding errors of values that have left the window.
#include <cmath>

#include "kernels/micro/entry.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {
namespace {

// y = divide(x, v) with v = bias + scale * sum for all vectors of all pixels.
template <class Divide>
SPL_INLINE void for_each_vector(const Lrn& lrn, const float* x, int64_t pixels, float* squares,
                                float* y, Divide divide) {
  const int64_t channels = lrn.channels, others = lrn.before + lrn.after;
  const int64_t blocks = ceil_div<int64_t>(channels, kLanes) * kLanes;
  std::memset(squares, 0, static_cast<size_t>(blocks + others) * sizeof(float));
  const Vec scale = splat(lrn.scale), bias = splat(lrn.bias);
  auto lanes_at = [&](int64_t c)
                      SPL_LAMBDA { return static_cast<int>(least<int64_t>(W, channels - c)); };
  for (int64_t p = 0; p < pixels; p++, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; c += W) {
      const Vec v = load_some(x + c, lanes_at(c));
      store_some(mul(v, v), squares + lrn.before + c, lanes_at(c));
    }
    for (int64_t c = 0; c < channels; c += W) {
      const int lanes = lanes_at(c);
      Vec total = load(squares + c);
      for (int64_t i = 1; i <= others; i++) total = add(total, load(squares + c + i));
      store_some(divide(load_some(x + c, lanes), fma(scale, total, bias)), y + c, lanes);
    }
  }
}

SPL_INLINE Vec divide_by_power(Vec x, Vec v, float beta) {
  alignas(64) float values[W];
  store(values, v);
  for (float& value : values) value = ::powf(value, beta);
  return div(x, load(values));
}

}  // namespace

// The usual exponents need only operations that IEEE 754 rounds correctly.
void lrn_pixels(const Lrn& lrn, const float* x, int64_t pixels, float* squares, float* y) {
  if (lrn.beta == 0.75f)
    for_each_vector(lrn, x, pixels, squares, y, [](Vec a, Vec v) SPL_LAMBDA {
      const Vec s = div(splat(1.0f), root(v));
      return mul(mul(a, s), root(s));
    });
  else if (lrn.beta == 0.5f)
    for_each_vector(lrn, x, pixels, squares, y,
                    [](Vec a, Vec v) SPL_LAMBDA { return div(a, root(v)); });
  else if (lrn.beta == 1.0f)
    for_each_vector(lrn, x, pixels, squares, y, [](Vec a, Vec v) SPL_LAMBDA { return div(a, v); });
  else
    for_each_vector(lrn, x, pixels, squares, y,
                    [&](Vec a, Vec v) SPL_LAMBDA { return divide_by_power(a, v, lrn.beta); });
}

}  // namespace SPL_ISA
}  // namespace spl
