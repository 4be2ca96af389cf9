// Matrix times few vectors with zero inputs skipped: rows of weights, each times its input, are
// added to the outputs. Bound by reading the weights, so rows are read from end to end, once for
// all vectors, and several at a time: each output is then loaded and stored once for all of them.
#include "kernels/micro/entry.h"
#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {
namespace {

constexpr int kRows = 8;

// y += products of R rows, added one after the other in the order of the rows.
template <int R>
SPL_INLINE Vec add_products(const float* x, const Vec* rows, Vec y) {
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) y = fma(splat(x[r]), rows[r], y);
  return y;
}

// `left` rows begin at `rows`. Those behind the group are brought near meanwhile: rows of non-zero
// inputs lie apart, and the hardware's prefetching would begin anew in each.
template <int R>
SPL_INLINE void group(const float* x, int64_t x_stride, int vectors, const float* const* rows,
                      int left, int64_t n, float* y) {
  const float* ahead[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) ahead[r] = rows[R + r < left ? R + r : r];
  Vec w[R];
  int64_t o = 0;
  for (; o + W <= n; o += W) {
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      if (o % kLanes == 0) __builtin_prefetch(ahead[r] + o, 0, 2);
      w[r] = load(rows[r] + o);
    }
    for (int v = 0; v < vectors; v++) {
      float* at = y + v * n + o;
      store(at, add_products<R>(x + v * x_stride, w, load(at)));
    }
  }
  if (o == n) return;
  const size_t bytes = static_cast<size_t>(n - o) * sizeof(float);
  float tail[W] = {};
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    std::memcpy(tail, rows[r] + o, bytes);
    w[r] = load(tail);
  }
  for (int v = 0; v < vectors; v++) {
    std::memcpy(tail, y + v * n + o, bytes);
    store(tail, add_products<R>(x + v * x_stride, w, load(tail)));
    std::memcpy(y + v * n + o, tail, bytes);
  }
}

}  // namespace

void add_rows(const float* x, int64_t x_stride, int vectors, const float* const* rows, int count,
              int64_t n, float* y) {
  for (; count > 0; x += kRows, rows += kRows, count -= kRows) {
    switch (least(count, kRows)) {
#define SPL_GROUP(r)                                   \
  case r:                                              \
    group<r>(x, x_stride, vectors, rows, count, n, y); \
    break;
      SPL_GROUP(1)
      SPL_GROUP(2) SPL_GROUP(3) SPL_GROUP(4) SPL_GROUP(5) SPL_GROUP(6) SPL_GROUP(7) SPL_GROUP(8)
#undef SPL_GROUP
    }
  }
}

}  // namespace SPL_ISA
}  // namespace spl
