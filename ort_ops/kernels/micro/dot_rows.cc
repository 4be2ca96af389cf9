// Dot products of one vector with a list of weight rows where they lie: the selected Gemm. The rows
// are read once, in place, so nothing is packed and unselected rows cost nothing.
//
// The lanes of each sum are added in an order that depends on k alone, so a result has the same
// bits however rows are grouped.
#include "kernels/micro/dot.h"
#include "kernels/micro/entry.h"

namespace spl {
namespace SPL_ISA {
namespace {

constexpr int kRows = 8;

template <int G>
SPL_INLINE void group(const float* x, const float* const* rows, int64_t k, float* out) {
  Vec s[8];
#pragma GCC unroll 8
  for (int i = 0; i < G; i++) s[i] = zero();
  int64_t c = 0;
  for (; c + W <= k; c += W) {
    const Vec v = load(x + c);
#pragma GCC unroll 8
    for (int i = 0; i < G; i++) s[i] = fma(v, load(rows[i] + c), s[i]);
  }
  if (c < k) {
    const size_t bytes = static_cast<size_t>(k - c) * sizeof(float);
    float tail[W] = {};
    std::memcpy(tail, x + c, bytes);
    const Vec v = load(tail);
#pragma GCC unroll 8
    for (int i = 0; i < G; i++) {
      float row[W] = {};
      std::memcpy(row, rows[i] + c, bytes);
      s[i] = fma(v, load(row), s[i]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < (G > 4 ? 8 : 4); i++) out[i] = 0;
  add_sums<G>(s, out);
}

}  // namespace

void dot_rows(const float* x, const float* const* rows, int count, int64_t k, float* out) {
  for (int groups = (count + kRows - 1) / kRows; groups > 0; groups--) {
    const int g = (count + groups - 1) / groups;
    switch (g) {
#define SPL_GROUP(n)           \
  case n:                      \
    group<n>(x, rows, k, out); \
    break;
      SPL_GROUP(1)
      SPL_GROUP(2) SPL_GROUP(3) SPL_GROUP(4) SPL_GROUP(5) SPL_GROUP(6) SPL_GROUP(7) SPL_GROUP(8)
#undef SPL_GROUP
    }
    rows += g, out += g, count -= g;
  }
}

}  // namespace SPL_ISA
}  // namespace spl
