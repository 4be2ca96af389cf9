// The two transforms of Winograd's convolution, lane by lane over channels. They cost 12 operations
// for six values in each direction; six rows, then six columns.
#pragma once

#include <cmath>

#include "kernels/micro/bytes.h"
#include "kernels/micro/clamped.h"
#include "kernels/micro/micro.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {

// x * y + z, rounded once or twice as is quickest.
struct Quick {
  static SPL_MEMBER Vec fma(Vec x, Vec y, Vec z) { return SPL_ISA::fma(x, y, z); }
};

// Rounded once on every processor, for results that are the same bits everywhere.
struct Once {
  static SPL_MEMBER Vec fma(Vec x, Vec y, Vec z) {
#if defined(SPL_ISA_portable)
    for (int i = 0; i < W; i++) z[i] = __builtin_fmaf(x[i], y[i], z[i]);
    return z;
#else
    return SPL_ISA::fma(x, y, z);
#endif
  }
};

constexpr int kSide = kWinogradSide;
constexpr double kA = kWinogradA, kB = kWinogradB, kAA = kA * kA, kBB = kB * kB;

SPL_INLINE Vec constant(double v) { return splat(static_cast<float>(v)); }

// y = Bt x for values `step` apart.
template <class A>
SPL_INLINE void to_points(const Vec* x, int step, Vec* y) {
  const Vec x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
  const Vec product = constant(kAA * kBB), minus_sum = constant(-(kAA + kBB));
  y[0] = A::fma(product, x[0], A::fma(minus_sum, x2, x4));
  const Vec even_a = A::fma(constant(-kBB), x2, x4), odd_a = A::fma(constant(-kBB), x1, x3);
  y[step] = A::fma(constant(kA), odd_a, even_a);
  y[2 * step] = A::fma(constant(-kA), odd_a, even_a);
  const Vec even_b = A::fma(constant(-kAA), x2, x4), odd_b = A::fma(constant(-kAA), x1, x3);
  y[3 * step] = A::fma(constant(kB), odd_b, even_b);
  y[4 * step] = A::fma(constant(-kB), odd_b, even_b);
  y[5 * step] = A::fma(product, x1, A::fma(minus_sum, x3, x[5 * step]));
}

// y = At m, `kOut` values from six that are `step` apart; results side by side.
template <class A, int kOut>
SPL_INLINE void from_points(const Vec* m, int step, Vec* y) {
  const Vec sum_a = add(m[step], m[2 * step]), sum_b = add(m[3 * step], m[4 * step]);
  const Vec minus = splat(-1.0f);
  const Vec diff_a = A::fma(minus, m[2 * step], m[step]);
  const Vec diff_b = A::fma(minus, m[4 * step], m[3 * step]);
  y[0] = add(m[0], add(sum_a, sum_b));
  y[1] = A::fma(constant(kA), diff_a, mul(constant(kB), diff_b));
  if constexpr (kOut > 2) y[2] = A::fma(constant(kAA), sum_a, mul(constant(kBB), sum_b));
  if constexpr (kOut > 3)
    y[3] = A::fma(constant(kAA * kA), diff_a, mul(constant(kBB * kB), diff_b));
  if constexpr (kOut > 4)
    y[4] = A::fma(constant(kAA * kAA), sum_a, mul(constant(kBB * kBB), sum_b));
  y[kOut - 1] = add(y[kOut - 1], m[5 * step]);
}

// kBytes: residual or values may be bytes; floats alone are a tenth faster without the question.
template <class A, bool kBytes, int kOut>
SPL_INLINE bool output_values(const float* sums, int64_t stride, int lanes,
                              const SquareValues& to) {
  Vec check = zero();
  for (int l = 0; l < lanes; l += W) {
    Vec m[kSide], half[kSide * kOut];
    const Vec bias = load(to.bias + l);
#pragma GCC unroll 6
    for (int i = 0; i < kSide; i++) {
#pragma GCC unroll 6
      for (int j = 0; j < kSide; j++) m[j] = load(sums + (i * kSide + j) * stride + l);
      from_points<A, kOut>(m, 1, half + i * kOut);
    }
#pragma GCC unroll 5
    for (int x = 0; x < kOut; x++) {
      Vec y[kOut];
      from_points<A, kOut>(half + x, kOut, y);
#pragma GCC unroll 5
      for (int i = 0; i < kOut; i++) {
        Vec v = add(y[i], bias);
        check = fma(v, zero(), check);  // not-a-number once a value is not finite
        if (i >= to.rows || x >= to.columns) continue;
        const int64_t at = i * to.row_stride + x * to.pixel_stride + l;
        if constexpr (kBytes) {
          put(to.y, at, clamped(plus(v, to.residual, at), to.clamp));
        } else {
          if (to.residual.floats != nullptr) v = add(v, load(to.residual.floats + at));
          store(to.y.floats + at, clamped(v, to.clamp));
        }
      }
    }
  }
  return bits(nonzero(check)) == 0;
}

// The values of a tile of `side` x `side` (2 to 5) outputs.
template <class A, bool kBytes>
SPL_INLINE bool output_of_side(const float* sums, int64_t stride, int blocks, int side,
                               const SquareValues& to) {
  const int lanes = blocks * kLanes;
  switch (side) {
    case 2:
      return output_values<A, kBytes, 2>(sums, stride, lanes, to);
    case 3:
      return output_values<A, kBytes, 3>(sums, stride, lanes, to);
    case 4:
      return output_values<A, kBytes, 4>(sums, stride, lanes, to);
    default:
      return output_values<A, kBytes, 5>(sums, stride, lanes, to);
  }
}

// Channels [c, c + lanes) of pixel i of 6 x 6: load(i, c, lanes); transformed.
template <class A, class Load>
SPL_INLINE void input_places(Load load_pixel, int c, int lanes, Vec* t) {
#pragma GCC unroll 6
  for (int j = 0; j < kSide; j++) {
    Vec x[kSide];
#pragma GCC unroll 6
    for (int i = 0; i < kSide; i++) x[i] = load_pixel(i * kSide + j, c, lanes);
    to_points<A>(x, 1, x);
#pragma GCC unroll 6
    for (int i = 0; i < kSide; i++) t[i * kSide + j] = x[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kSide; i++) to_points<A>(t + i * kSide, 1, t + i * kSide);
}

}  // namespace SPL_ISA
}  // namespace spl
