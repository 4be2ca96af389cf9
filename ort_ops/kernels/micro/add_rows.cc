// Matrix times few vectors with zero inputs skipped: rows of weights, each times its input, are
// added to the outputs. Bound by reading the weights, so rows are read from end to end, several at
// a time: each output is then loaded and stored once for all of them.
#include "kernels/micro/entry.h"
#include "kernels/micro/simd.h"

namespace spl {
namespace SPL_ISA {
namespace {

constexpr int kRows = 8;

// The products are added one after the other, in the order of the rows.
template <int R>
SPL_INLINE void group(const float* x, const float* const* rows, int64_t n, float* y) {
  Vec v[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) v[r] = splat(x[r]);
  int64_t o = 0;
  for (; o + W <= n; o += W) {
    Vec s = load(y + o);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) s = fma(v[r], load(rows[r] + o), s);
    store(y + o, s);
  }
  if (o == n) return;
  const size_t bytes = static_cast<size_t>(n - o) * sizeof(float);
  float tail[W] = {}, row[W] = {};
  std::memcpy(tail, y + o, bytes);
  Vec s = load(tail);
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    std::memcpy(row, rows[r] + o, bytes);
    s = fma(v[r], load(row), s);
  }
  store(tail, s);
  std::memcpy(y + o, tail, bytes);
}

}  // namespace

void add_rows(const float* x, const float* const* rows, int count, int64_t n, float* y) {
  for (; count > 0; x += kRows, rows += kRows, count -= kRows) {
    switch (least(count, kRows)) {
#define SPL_GROUP(r)         \
  case r:                    \
    group<r>(x, rows, n, y); \
    break;
      SPL_GROUP(1)
      SPL_GROUP(2) SPL_GROUP(3) SPL_GROUP(4) SPL_GROUP(5) SPL_GROUP(6) SPL_GROUP(7) SPL_GROUP(8)
#undef SPL_GROUP
    }
  }
}

}  // namespace SPL_ISA
}  // namespace spl
