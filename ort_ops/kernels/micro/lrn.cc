// Local response normalisation of channels-last pixels. Every sum is taken afresh, channel by
// channel: a running sum would keep the rounding errors of values that have left the window.
#include <cmath>

#include "kernels/micro/bytes.h"
#include "kernels/micro/entry.h"
#include "kernels/micro/lrn_rows.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {
namespace {

SPL_INLINE int lanes_at(const Lrn& lrn, int64_t c) {
  return static_cast<int>(least<int64_t>(W, lrn.channels - c));
}

// write(p, c, sum) for all vectors of all pixels, with the sum of squares of their windows; the
// values of a vector are value(p, c).
template <class Value, class Write>
SPL_INLINE void for_each_sum(const Lrn& lrn, int64_t pixels, float* squares, Value value,
                             Write write) {
  const int64_t channels = lrn.channels, others = lrn.before + lrn.after;
  const int64_t rows = lrn_rows(channels), row = lrn_row(channels, others);
  std::memset(squares, 0, static_cast<size_t>(rows * row) * sizeof(float));
  for (int64_t first = 0; first < pixels; first += rows) {
    const int64_t count = least(rows, pixels - first);
    for (int64_t i = 0; i < count; i++)
      for (int64_t c = 0; c < channels; c += W) {
        const Vec v = value(first + i, c);
        store_some(mul(v, v), squares + i * row + lrn.before + c, lanes_at(lrn, c));
      }
    for (int64_t i = 0; i < count; i++)
      for (int64_t c = 0; c < channels; c += W) {
        const float* window = squares + i * row + c;
        Vec total = load(window);
        for (int64_t k = 1; k <= others; k++) total = add(total, load(window + k));
        write(first + i, c, total);
      }
  }
}

// y = divide(x, v) with v = bias + scale * sum.
template <class Divide>
SPL_INLINE void normalise(const Lrn& lrn, const float* x, int64_t pixels, float* squares, float* y,
                          Divide divide) {
  const Vec scale = splat(lrn.scale), bias = splat(lrn.bias);
  auto value = [&](int64_t p, int64_t c)
                   SPL_LAMBDA { return load_some(x + p * lrn.channels + c, lanes_at(lrn, c)); };
  for_each_sum(lrn, pixels, squares, value, [&](int64_t p, int64_t c, Vec sum) SPL_LAMBDA {
    store_some(divide(value(p, c), fma(scale, sum, bias)), y + p * lrn.channels + c,
               lanes_at(lrn, c));
  });
}

SPL_INLINE Vec divide_by_power(Vec x, Vec v, float beta) {
  alignas(64) float values[W];
  store(values, v);
  for (float& value : values) value = ::powf(value, beta);
  return div(x, load(values));
}

// v^(-1/4) for normal v > 0 within 1.5e-5 of it, which moves a byte by a hundredth of a level: a
// seed within 4 % from the bits, and two of Newton's steps. Roots and divisions take longer.
SPL_INLINE Vec inverse_fourth_root(Vec v) {
  constexpr int32_t kSeed = 0x4f584800;  // gives the least error behind both steps
  Vec t = as_float(isub(isplat(kSeed), iright<2>(as_int(v))));
  const Vec quarter = mul(v, splat(-0.25f));
  for (int step = 0; step < 2; step++) {
    const Vec square = mul(t, t);
    const Vec part = mul(quarter, mul(square, square));
    t = mul(t, add(splat(1.25f), part));
  }
  return t;
}

// y = code of d * power(v) with v = bias + scale * sum.
template <class Power>
SPL_INLINE void normalise_bytes(const Lrn& lrn, const uint8_t* x, float zero_point, int64_t pixels,
                                float* squares, const Quantization& code, uint8_t* y, Power power) {
  const Vec scale = splat(lrn.scale), bias = splat(lrn.bias), most = splat(0x1p96f);
  const Vec inverse = splat(code.inverse), zero_out = splat(code.zero);
  const IVec zero_in = isplat(static_cast<int32_t>(zero_point));
  auto step = [&](int64_t p, int64_t c) SPL_LAMBDA {
    const IVec q = load_codes(x + p * lrn.channels + c, lanes_at(lrn, c));
    return to_float(isub(q, zero_in));
  };
  for_each_sum(lrn, pixels, squares, step, [&](int64_t p, int64_t c, Vec sum) SPL_LAMBDA {
    const Vec v = min_or(add(mul(scale, sum), bias), most);
    store_codes(quantized(mul(step(p, c), power(v)), inverse, zero_out), y + p * lrn.channels + c,
                lanes_at(lrn, c));
  });
}

SPL_INLINE Vec inverse_power(Vec v, float beta) {
  alignas(64) float values[W];
  store(values, v);
  for (float& value : values) value = ::powf(value, -beta);
  return load(values);
}

}  // namespace

// The usual exponents need only operations that IEEE 754 rounds correctly.
void lrn_pixels(const Lrn& lrn, const float* x, int64_t pixels, float* squares, float* y) {
  if (lrn.beta == 0.75f)
    normalise(lrn, x, pixels, squares, y, [](Vec a, Vec v) SPL_LAMBDA {
      const Vec s = div(splat(1.0f), root(v));
      return mul(mul(a, s), root(s));
    });
  else if (lrn.beta == 0.5f)
    normalise(lrn, x, pixels, squares, y, [](Vec a, Vec v) SPL_LAMBDA { return div(a, root(v)); });
  else if (lrn.beta == 1.0f)
    normalise(lrn, x, pixels, squares, y, [](Vec a, Vec v) SPL_LAMBDA { return div(a, v); });
  else
    normalise(lrn, x, pixels, squares, y,
              [&](Vec a, Vec v) SPL_LAMBDA { return divide_by_power(a, v, lrn.beta); });
}

void lrn_bytes(const Lrn& lrn, const uint8_t* x, float zero_point, int64_t pixels, float* squares,
               const Quantization& code, uint8_t* y) {
  auto by = [&](auto power) SPL_LAMBDA {
    normalise_bytes(lrn, x, zero_point, pixels, squares, code, y, power);
  };
  if (lrn.beta == 0.75f)
    by([](Vec v) SPL_LAMBDA {
      const Vec t = inverse_fourth_root(v);
      return mul(mul(t, t), t);
    });
  else if (lrn.beta == 0.5f)
    by([](Vec v) SPL_LAMBDA { return div(splat(1.0f), root(v)); });
  else if (lrn.beta == 1.0f)
    by([](Vec v) SPL_LAMBDA { return div(splat(1.0f), v); });
  else
    by([&](Vec v) SPL_LAMBDA { return inverse_power(v, lrn.beta); });
}

}  // namespace SPL_ISA
}  // namespace spl
