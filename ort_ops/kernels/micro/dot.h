// Sums over lanes of several vectors at once, for the dot product kernels.
#pragma once

#include "kernels/micro/simd.h"

namespace spl {
namespace SPL_ISA {

// out[i] += sum of the lanes of s[i], i < 4. Adding transposed vectors costs a quarter of four
// separate horizontal sums.
#if defined(SPL_ISA_avx512vnni) || defined(SPL_ISA_avx512)
SPL_INLINE void add_sums4(const Vec* s, float* out) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(s[0], s[1]), _mm512_unpackhi_ps(s[0], s[1]));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(s[2], s[3]), _mm512_unpackhi_ps(s[2], s[3]));
  const __m512d p = _mm512_castps_pd(ab), q = _mm512_castps_pd(cd);
  const __m512 u = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(p, q)),
                                 _mm512_castpd_ps(_mm512_unpackhi_pd(p, q)));
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(u), _mm512_extractf32x8_ps(u, 1));
  const __m128 r = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm_loadu_ps(out), r));
}
#elif defined(SPL_ISA_avx2)
SPL_INLINE void add_sums4(const Vec* s, float* out) {
  const __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(s[0], s[1]), _mm256_unpackhi_ps(s[0], s[1]));
  const __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(s[2], s[3]), _mm256_unpackhi_ps(s[2], s[3]));
  const __m256d p = _mm256_castps_pd(ab), q = _mm256_castps_pd(cd);
  const __m256 u = _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(p, q)),
                                 _mm256_castpd_ps(_mm256_unpackhi_pd(p, q)));
  const __m128 r = _mm_add_ps(_mm256_castps256_ps128(u), _mm256_extractf128_ps(u, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm_loadu_ps(out), r));
}
#else
SPL_INLINE void add_sums4(const Vec* s, float* out) {
  for (int i = 0; i < 4; i++) out[i] += sum(s[i]);
}
#endif

// out[i] += sum of the lanes of s[i], i < G. Adding whole fours would touch up to 3 floats beyond
// the group, so the last ones go one by one; their lanes are added in the same order.
template <int G>
SPL_INLINE void add_sums(const Vec* s, float* out) {
  float last[4] = {0, 0, 0, 0};
#pragma GCC unroll 3
  for (int i = 0; i + 4 <= G; i += 4) add_sums4(s + i, out + i);
  if constexpr (G % 4 != 0) {
    constexpr int kDone = G / 4 * 4;
    Vec rest[4] = {s[kDone], zero(), zero(), zero()};
    if constexpr (G % 4 > 1) rest[1] = s[kDone + 1];
    if constexpr (G % 4 > 2) rest[2] = s[kDone + 2];
    add_sums4(rest, last);
#pragma GCC unroll 3
    for (int i = kDone; i < G; i++) out[i] += last[i - kDone];
  }
}

}  // namespace SPL_ISA
}  // namespace spl
