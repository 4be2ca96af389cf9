// Sums over lanes of several vectors at once, for the dot product kernels.
#pragma once

#include "kernels/micro/simd.h"

namespace spl {
namespace SPL_ISA {

#if defined(SPL_ISA_avx512vnni) || defined(SPL_ISA_avx512)
// In each quarter: sums over that quarter of s[0], s[1], s[2], s[3]. Adding transposed vectors
// costs a quarter of four separate sums over lanes.
SPL_INLINE __m512 quarter_sums(const Vec* s) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(s[0], s[1]), _mm512_unpackhi_ps(s[0], s[1]));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(s[2], s[3]), _mm512_unpackhi_ps(s[2], s[3]));
  const __m512d p = _mm512_castps_pd(ab), q = _mm512_castps_pd(cd);
  return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(p, q)),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(p, q)));
}

SPL_INLINE void add_sums4(const Vec* s, float* out) {
  const __m512 u = quarter_sums(s);
  const __m512 h = _mm512_add_ps(u, _mm512_shuffle_f32x4(u, u, 0x4e));  // quarters 0+2, 1+3
  const __m128 r = _mm_add_ps(_mm512_castps512_ps128(h), _mm512_extractf32x4_ps(h, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm_loadu_ps(out), r));
}

// Both fours in one go, with the same order of additions.
SPL_INLINE void add_sums8(const Vec* s, float* out) {
  const __m512 u = quarter_sums(s), v = quarter_sums(s + 4);
  const __m512 h =
      _mm512_add_ps(_mm512_shuffle_f32x4(u, v, 0x44), _mm512_shuffle_f32x4(u, v, 0xee));
  const __m512 t = _mm512_shuffle_f32x4(h, h, 0xd8);  // quarters 0 2 1 3: both firsts, both seconds
  const __m256 r = _mm256_add_ps(_mm512_castps512_ps256(t), _mm512_extractf32x8_ps(t, 1));
  _mm256_storeu_ps(out, _mm256_add_ps(_mm256_loadu_ps(out), r));
}
#else
SPL_INLINE void add_sums4(const Vec* s, float* out) {
#if defined(SPL_ISA_avx2)
  const __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(s[0], s[1]), _mm256_unpackhi_ps(s[0], s[1]));
  const __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(s[2], s[3]), _mm256_unpackhi_ps(s[2], s[3]));
  const __m256d p = _mm256_castps_pd(ab), q = _mm256_castps_pd(cd);
  const __m256 u = _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(p, q)),
                                 _mm256_castpd_ps(_mm256_unpackhi_pd(p, q)));
  const __m128 r = _mm_add_ps(_mm256_castps256_ps128(u), _mm256_extractf128_ps(u, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm_loadu_ps(out), r));
#else
  for (int i = 0; i < 4; i++) out[i] += sum(s[i]);
#endif
}

SPL_INLINE void add_sums8(const Vec* s, float* out) {
  add_sums4(s, out);
  add_sums4(s + 4, out + 4);
}
#endif

// out[i] += sum of the lanes of s[i], i < G; the next floats, up to a multiple of 4 (8 from G = 5
// on with AVX-512), have 0 added. `s` has room for them and gets zeros there.
template <int G>
SPL_INLINE void add_sums(Vec* s, float* out) {
  constexpr int kRounded = G <= 4 ? 4 : (G <= 8 ? 8 : 12);
#pragma GCC unroll 12
  for (int i = G; i < kRounded; i++) s[i] = zero();
  if constexpr (kRounded == 4) {
    add_sums4(s, out);
  } else {
    add_sums8(s, out);
    if constexpr (kRounded == 12) add_sums4(s + 8, out + 8);
  }
}

}  // namespace SPL_ISA
}  // namespace spl
