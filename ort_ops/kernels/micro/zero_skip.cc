// Zero-input skipping along one row of an image. The masks are plain integers made beforehand: tzcnt,
// blsr and the loop exit then run ahead of the multiply-adds, which hides most of the
// misprediction at the end of each mask (a vector compare inside the loop would wait for them).
#include "kernels/micro/entry.h"
#include "kernels/micro/simd.h"

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

namespace spl {
namespace SPL_ISA {
namespace {

SPL_INLINE void fetch(const char* line) {
#ifdef __SSE2__
  _mm_prefetch(line, _MM_HINT_T1);
#else
  __builtin_prefetch(line, 0, 2);
#endif
}

template <int N>
SPL_INLINE void load_sums(Vec (&s)[N], const float* from) {
#pragma GCC unroll 16
  for (int j = 0; j < N; j++) s[j] = load(from + j * W);
}

template <int N>
SPL_INLINE void store_sums(const Vec (&s)[N], float* to) {
#pragma GCC unroll 16
  for (int j = 0; j < N; j++) store(to + j * W, s[j]);
}

template <int N>
SPL_INLINE void add_products(Vec (&s)[N], Vec x, const float* w) {
#pragma GCC unroll 16
  for (int j = 0; j < N; j++) s[j] = fma(x, load(w + j * W), s[j]);
}

// Column i feeds outputs i (tap 0), i - 1 (tap 1) and i - 2 (tap 2): three sets of sums move along.
template <int N>
struct Slide {
  const float* x;
  const float* weights;
  int64_t tap, channel;  // floats between the weights of neighbouring taps and channels
  float* sums;
  int64_t stride;

  SPL_MEMBER void column(Vec (&s0)[N], Vec (&s1)[N], Vec (&s2)[N], uint64_t mask, int i) {
    load_sums<N>(s0, sums + i * stride);
    while (mask != 0) {
      const float* w = weights + __builtin_ctzll(mask) * channel;
      const Vec v = splat(*x++);
      mask &= mask - 1;
      add_products<N>(s0, v, w);
      add_products<N>(s1, v, w + tap);
      add_products<N>(s2, v, w + 2 * tap);
    }
    store_sums<N>(s2, sums + (i - 2) * stride);
  }
};

template <int N>
__attribute__((noinline)) void slide(const SparseRow& row, int columns, Slide<N> at,
                                     Prefetch next) {
  Vec a[N], b[N], c[N];
#pragma GCC unroll 16
  for (int j = 0; j < N; j++) a[j] = b[j] = c[j] = zero();
  const int lines = (next.lines + columns - 1) / columns;
  const char* line = next.first;
  int i = 0;
  for (; i + 3 <= columns; i += 3) {
    for (int k = 0; k < 3 * lines; k++, line += 64) fetch(line);
    at.column(a, b, c, row.masks[i], i);
    at.column(c, a, b, row.masks[i + 1], i + 1);
    at.column(b, c, a, row.masks[i + 2], i + 2);
  }
  if (i < columns) at.column(a, b, c, row.masks[i], i);
  if (i + 1 < columns) at.column(c, a, b, row.masks[i + 1], i + 1);
}

template <int N>
__attribute__((noinline)) void tap(const SparseRow& row, int first, int step, int count,
                                   const float* weights, int64_t channel, float* sums,
                                   int64_t stride) {
  for (int i = 0, place = first; i < count; i++, place += step, sums += stride) {
    uint64_t mask = row.masks[place];
    if (mask == 0) continue;
    const float* x = row.values + row.starts[place];
    Vec s[N];
    load_sums<N>(s, sums);
    do {
      const float* w = weights + __builtin_ctzll(mask) * channel;
      const Vec v = splat(*x++);
      mask &= mask - 1;
      add_products<N>(s, v, w);
    } while (mask != 0);
    store_sums<N>(s, sums);
  }
}

// The non-zero values of x[0, n) and the mask of their positions; stores whole vectors.
SPL_INLINE uint64_t compress(const float* x, int n, float* values) {
  uint64_t mask = 0;
  float tail[W];
  for (int c = 0; c < n; c += W) {
    const float* from = x + c;
    if (n - c < W) {
      std::memset(tail, 0, sizeof tail);
      std::memcpy(tail, from, static_cast<size_t>(n - c) * sizeof(float));
      from = tail;
    }
    const Vec v = load(from);
    const Mask m = nonzero(v);
    store(values, gather_front(m, v));
    values += __builtin_popcount(bits(m));
    mask |= static_cast<uint64_t>(bits(m)) << c;
  }
  return mask;
}

}  // namespace

void prefetch(const Prefetch& next) {
  for (int k = 0; k < next.lines; k++) fetch(next.first + k * 64);
}

void slide_row(const SparseRow& row, int columns, const float* weights, int blocks, float* sums,
               const Prefetch& next) {
  static_assert(kSlideBlocks * kPerBlock <= 8, "three sets of sums must fit the registers");
  const int64_t width = static_cast<int64_t>(blocks) * kLanes;
  switch (blocks * kPerBlock) {
#define SPL_SLIDE(n)                                                                     \
  case n:                                                                                \
    if constexpr (n <= kSlideBlocks * kPerBlock)                                         \
      slide<n>(row, columns, {row.values, weights, width, 3 * width, sums, width}, next); \
    break;
    SPL_SLIDE(1) SPL_SLIDE(2) SPL_SLIDE(3) SPL_SLIDE(4) SPL_SLIDE(5) SPL_SLIDE(6) SPL_SLIDE(7)
    SPL_SLIDE(8)
#undef SPL_SLIDE
  }
}

void tap_row(const SparseRow& row, int first, int step, int count, const float* weights,
             int64_t channel_stride, int blocks, float* sums) {
  const int64_t width = static_cast<int64_t>(blocks) * kLanes;
  switch (blocks * kPerBlock) {
#define SPL_TAP(n)                                                                     \
  case n:                                                                              \
    if constexpr (n <= kTapBlocks * kPerBlock)                                         \
      tap<n>(row, first, step, count, weights, channel_stride, sums, width);           \
    break;
    SPL_TAP(1) SPL_TAP(2) SPL_TAP(3) SPL_TAP(4) SPL_TAP(5) SPL_TAP(6) SPL_TAP(7) SPL_TAP(8)
    SPL_TAP(9) SPL_TAP(10) SPL_TAP(11) SPL_TAP(12) SPL_TAP(13) SPL_TAP(14) SPL_TAP(15)
    SPL_TAP(16)
#undef SPL_TAP
  }
}

int64_t compress_run(const float* x, int64_t stride, int count, int channels, float* values,
                     uint64_t* masks, int32_t* starts) {
  int32_t used = 0;
  for (int i = 0; i < count; i++, x += stride) {
    starts[i] = used;
    masks[i] = compress(x, channels, values + used);
    used += __builtin_popcountll(masks[i]);
  }
  return used;
}

}  // namespace SPL_ISA
}  // namespace spl
