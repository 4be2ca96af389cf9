// Zero-input skipping along one row of an image. The masks are plain integers made beforehand:
// tzcnt, blsr and the loop exit then run ahead of the multiply-adds, which hides most of the
// misprediction at the end of each mask (a vector compare inside the loop would wait for them).
//
// The weights of the next row of taps are fetched a few lines per column: all at once they would
// fill the queue of misses, and the multiply-adds would wait for them.
#include "kernels/micro/entry.h"
#include "kernels/micro/rows.h"

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

template <class T, int N>
SPL_INLINE void load_sums(typename T::V (&s)[N], const typename T::Sum* from) {
#pragma GCC unroll 16
  for (int j = 0; j < N; j++) s[j] = T::load_sum(from + j * W);
}

template <class T, int N>
SPL_INLINE void store_sums(const typename T::V (&s)[N], typename T::Sum* to) {
#pragma GCC unroll 16
  for (int j = 0; j < N; j++) T::store_sum(to + j * W, s[j]);
}

template <class T, int N>
SPL_INLINE void add_products(typename T::V (&s)[N], typename T::V x, const char* w) {
#pragma GCC unroll 16
  for (int j = 0; j < N; j++) s[j] = T::step(s[j], x, T::weight(w + j * W * 4));
}

// Column i feeds outputs i (tap 0), i - 1 (tap 1) and i - 2 (tap 2): three sets of sums move along.
template <class T, int N>
struct Slide {
  using V = typename T::V;
  static constexpr int64_t kWidth = N * W,
                           kTap = kWidth * 4;  // outputs; bytes of one tap's weights
  const char* x;
  const char* weights;
  typename T::Sum* sums;

  SPL_MEMBER void column(V (&s0)[N], V (&s1)[N], V (&s2)[N], uint64_t mask, int i) {
    load_sums<T, N>(s0, sums + i * kWidth);
    while (mask != 0) {
      const char* w = weights + __builtin_ctzll(mask) * (3 * kTap);
      const V v = T::broadcast(x);
      x += 4;
      mask &= mask - 1;
      add_products<T, N>(s0, v, w);
      add_products<T, N>(s1, v, w + kTap);
      add_products<T, N>(s2, v, w + 2 * kTap);
    }
    store_sums<T, N>(s2, sums + (i - 2) * kWidth);
  }
};

template <class T, int N>
__attribute__((noinline)) void slide(const SparseRow& row, int columns, Slide<T, N> at,
                                     Prefetch next) {
  typename T::V a[N], b[N], c[N];
#pragma GCC unroll 16
  for (int j = 0; j < N; j++) a[j] = b[j] = c[j] = T::none();
  const int lines = ceil_div(next.lines, columns);
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

template <class T>
SPL_INLINE void slide_any(const SparseRow& row, int columns, const char* weights, int blocks,
                          typename T::Sum* sums, const Prefetch& next) {
  static_assert(kSlideBlocks * kPerBlock <= 8, "three sets of sums must fit the registers");
  const char* values = static_cast<const char*>(row.values);
  switch (blocks * kPerBlock) {
#define SPL_SLIDE(n)                                            \
  case n:                                                       \
    if constexpr (n <= kSlideBlocks * kPerBlock)                \
      slide<T, n>(row, columns, {values, weights, sums}, next); \
    break;
    SPL_SLIDE(1)
    SPL_SLIDE(2) SPL_SLIDE(3) SPL_SLIDE(4) SPL_SLIDE(5) SPL_SLIDE(6) SPL_SLIDE(7) SPL_SLIDE(8)
#undef SPL_SLIDE
  }
}

template <class T, int N, class Rows>
__attribute__((noinline)) void tap(const SparseRow& row, const TapWalk& walk, const char* weights,
                                   Rows rows, Prefetch next) {
  const int lines = ceil_div(next.lines, walk.count);
  for (int i = 0, place = walk.first; i < walk.count; i++, place += walk.step) {
    for (int k = 0; k < lines; k++, next.first += 64) fetch(next.first);
    uint64_t mask = row.masks[place];
    const char* x = static_cast<const char*>(row.values) + row.starts[place] * int64_t{4};
    typename T::V s[N];
#pragma GCC unroll 16
    for (int j = 0; j < N; j++) s[j] = rows.begin(0, j);
    while (mask != 0) {
      const char* w = weights + __builtin_ctzll(mask) * (N * W * int64_t{4});
      const typename T::V v = T::broadcast(x);
      x += 4;
      mask &= mask - 1;
      add_products<T, N>(s, v, w);
    }
#pragma GCC unroll 16
    for (int j = 0; j < N; j++) rows.end(0, j, s[j]);
    rows = rows.at(1, 0);
  }
}

template <class T, class Rows>
SPL_INLINE void tap_any(const SparseRow& row, const TapWalk& walk, const char* weights, int blocks,
                        Rows rows, const Prefetch& next) {
  // clang-format off
  switch (blocks * kPerBlock) {
#define SPL_TAP(n)                                 \
  case n:                                          \
    if constexpr (n <= kTapBlocks * kPerBlock)     \
      tap<T, n>(row, walk, weights, rows, next);   \
    break;
    SPL_TAP(1) SPL_TAP(2) SPL_TAP(3) SPL_TAP(4) SPL_TAP(5) SPL_TAP(6) SPL_TAP(7) SPL_TAP(8)
    SPL_TAP(9) SPL_TAP(10) SPL_TAP(11) SPL_TAP(12) SPL_TAP(13) SPL_TAP(14) SPL_TAP(15) SPL_TAP(16)
#undef SPL_TAP
  }
  // clang-format on
}

// The elements of x[0, n) whose bits are not those of a zero, and the mask of their positions;
// stores whole vectors. For floats -0 counts as zero as well.
template <bool kFloats>
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
    const Mask m = kFloats ? nonzero(v) : inonzero(iload(from));
    store(values, gather_front(m, v));
    values += __builtin_popcount(bits(m));
    mask |= static_cast<uint64_t>(bits(m)) << c;
  }
  return mask;
}

}  // namespace

void slide_row(const SparseRow& row, int columns, const float* weights, int blocks, float* sums,
               const Prefetch& next) {
  slide_any<Floats>(row, columns, reinterpret_cast<const char*>(weights), blocks, sums, next);
}

void slide_units(const SparseRow& row, int columns, const void* weights, int blocks, int32_t* sums,
                 const Prefetch& next) {
  slide_any<Units>(row, columns, static_cast<const char*>(weights), blocks, sums, next);
}

void tap_row(const SparseRow& row, const TapWalk& walk, const float* weights, int blocks,
             const SumRows<float>& sums, const Prefetch& next) {
  tap_any<Floats>(row, walk, reinterpret_cast<const char*>(weights), blocks, ToSums<Floats>{sums},
                  next);
}

void tap_values(const SparseRow& row, const TapWalk& walk, const float* weights, int blocks,
                const ValueRows& values, const Prefetch& next) {
  tap_any<Floats>(row, walk, reinterpret_cast<const char*>(weights), blocks, ToValues{values},
                  next);
}

void tap_units(const SparseRow& row, const TapWalk& walk, const void* weights, int blocks,
               const SumRows<int32_t>& sums, const Prefetch& next) {
  tap_any<Units>(row, walk, static_cast<const char*>(weights), blocks, ToSums<Units>{sums}, next);
}

int64_t compress_run(const float* x, int64_t stride, int count, int channels, float* values,
                     uint64_t* masks, int32_t* starts) {
  int32_t used = 0;
  for (int i = 0; i < count; i++, x += stride) {
    starts[i] = used;
    masks[i] = compress<true>(x, channels, values + used);
    used += __builtin_popcountll(masks[i]);
  }
  return used;
}

int64_t compress_units_run(const float* x, int64_t stride, int count, int channels, float inverse,
                           uint32_t* units, uint64_t* masks, int32_t* starts) {
  alignas(64) float quantized[kMaxMask + kLanes];
  const int words = ceil_div(channels, kUnitChannels);
  int32_t used = 0;
  for (int i = 0; i < count; i++, x += stride) {
    quantize(x, channels, inverse, 0.0f, quantized);
    starts[i] = used;
    masks[i] = compress<false>(quantized, words, reinterpret_cast<float*>(units) + used);
    used += __builtin_popcountll(masks[i]);
  }
  return used;
}

}  // namespace SPL_ISA
}  // namespace spl
