// AVX-512 (F, BW, DQ, VL), with or without VNNI. Included by simd.h only.
#pragma once

#include <immintrin.h>

namespace spl {
namespace SPL_ISA {

constexpr int W = 16;
constexpr int kRegisters = 32;
using Vec = __m512;
using IVec = __m512i;
using Mask = __mmask16;

SPL_INLINE Vec load(const float* p) { return _mm512_loadu_ps(p); }
SPL_INLINE void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
// The first `lanes` < W values; the others are 0, and no byte beyond is touched.
SPL_INLINE Vec load_first(const float* p, int lanes) {
  return _mm512_maskz_loadu_ps(static_cast<Mask>((1u << lanes) - 1), p);
}
SPL_INLINE void store_first(float* p, Vec v, int lanes) {
  _mm512_mask_storeu_ps(p, static_cast<Mask>((1u << lanes) - 1), v);
}
SPL_INLINE Vec zero() { return _mm512_setzero_ps(); }
SPL_INLINE Vec splat(float v) { return _mm512_set1_ps(v); }
SPL_INLINE Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
SPL_INLINE Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
SPL_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
SPL_INLINE Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
SPL_INLINE Vec root(Vec v) { return _mm512_sqrt_ps(v); }
// Both give `b` when either operand is not a number.
SPL_INLINE Vec max_or(Vec a, Vec b) { return _mm512_max_ps(a, b); }
SPL_INLINE Vec min_or(Vec a, Vec b) { return _mm512_min_ps(a, b); }
SPL_INLINE float sum(Vec v) {
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  const __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}
SPL_INLINE Mask greater(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
SPL_INLINE Mask less_equal(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
SPL_INLINE Mask nonzero(Vec v) { return _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_NEQ_UQ); }
SPL_INLINE uint32_t bits(Mask m) { return m; }
SPL_INLINE Vec pick(Mask m, Vec yes, Vec no) { return _mm512_mask_blend_ps(m, no, yes); }

SPL_INLINE IVec iload(const void* p) { return _mm512_loadu_si512(p); }
SPL_INLINE void istore(void* p, IVec v) { _mm512_storeu_si512(p, v); }
SPL_INLINE IVec isplat(int32_t v) { return _mm512_set1_epi32(v); }
SPL_INLINE IVec iadd(IVec a, IVec b) { return _mm512_add_epi32(a, b); }
SPL_INLINE IVec isub(IVec a, IVec b) { return _mm512_sub_epi32(a, b); }
SPL_INLINE IVec ior(IVec a, IVec b) { return _mm512_or_si512(a, b); }
SPL_INLINE IVec ishift16(IVec v) { return _mm512_slli_epi32(v, 16); }  // to the left
SPL_INLINE IVec iand(IVec a, IVec b) { return _mm512_and_si512(a, b); }
// All lanes by kBits to the left, or to the right with zeros.
template <int kBits>
SPL_INLINE IVec ileft(IVec v) {
  return _mm512_slli_epi32(v, kBits);
}
template <int kBits>
SPL_INLINE IVec iright(IVec v) {
  return _mm512_srli_epi32(v, kBits);
}
SPL_INLINE IVec imax(IVec a, IVec b) { return _mm512_max_epi32(a, b); }
SPL_INLINE int32_t largest(IVec v) { return _mm512_reduce_max_epi32(v); }
SPL_INLINE IVec as_int(Vec v) { return _mm512_castps_si512(v); }  // the same bits
SPL_INLINE Vec as_float(IVec v) { return _mm512_castsi512_ps(v); }
SPL_INLINE IVec ipick(Mask m, IVec yes, IVec no) { return _mm512_mask_blend_epi32(m, no, yes); }
SPL_INLINE Mask iequal(IVec a, IVec b) { return _mm512_cmpeq_epi32_mask(a, b); }
SPL_INLINE Mask inonzero(IVec v) { return _mm512_test_epi32_mask(v, v); }
SPL_INLINE Vec to_float(IVec v) { return _mm512_cvtepi32_ps(v); }
SPL_INLINE IVec to_int(Vec v) { return _mm512_cvtps_epi32(v); }  // to nearest, ties to even
SPL_INLINE Vec round_even(Vec v) { return _mm512_roundscale_ps(v, 8); }
// W bytes <-> W integers.
SPL_INLINE IVec from_bytes(const uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
// The larger bytes of two vectors, by what is loaded and stored as IVec.
SPL_INLINE IVec bmax(IVec a, IVec b) { return _mm512_max_epu8(a, b); }
SPL_INLINE void to_bytes(IVec v, uint8_t* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
}
// 4 W integers to bytes, saturated: packing four vectors together takes a quarter of the time.
SPL_INLINE void to_bytes4(const IVec* v, uint8_t* p) {
  const IVec q =
      _mm512_packus_epi16(_mm512_packs_epi32(v[0], v[1]), _mm512_packs_epi32(v[2], v[3]));
  const IVec order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, q));
}
// The same of 2 W integers.
SPL_INLINE void to_bytes2(const IVec* v, uint8_t* p) {
  const IVec h = _mm512_packs_epi32(v[0], v[1]), q = _mm512_packus_epi16(h, h);
  const IVec order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 4, 8, 12, 1, 5, 9, 13);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, q)));
}
SPL_INLINE void to_halves(IVec v, uint16_t* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
}
// The elements chosen by m, moved together.
SPL_INLINE Vec gather_front(Mask m, Vec v) { return _mm512_maskz_compress_ps(m, v); }
#define SPL_COMPRESSES  // lists of what a mask chooses are made by compress and expand

// Bit i is set where from[i] == value, i < 64.
SPL_INLINE uint64_t equal_bytes(const uint8_t* from, uint8_t value) {
  return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(from),
                                _mm512_set1_epi8(static_cast<char>(value)));
}

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

#ifdef SPL_ISA_avx512vnni
constexpr int kUnitChannels = 4;
// acc + the four products of unsigned bytes in x and signed bytes in w, per 32-bit lane.
// Assembly, because GCC (12) spills and copies sums around the intrinsic: twice the time of a loop.
SPL_INLINE IVec unit_dot(IVec acc, IVec x, IVec w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
  return acc;
}

// Lane i of out: byte at + i of each of four rows, i < 4 W. Shuffles stay within quarters of 16
// bytes, whose results are stored one by one.
#define SPL_STACKS
SPL_INLINE void stack(const uint8_t* const* rows, int64_t at, char* out) {
  const IVec a = iload(rows[0] + at), b = iload(rows[1] + at);
  const IVec c = iload(rows[2] + at), d = iload(rows[3] + at);
  const IVec low_ab = _mm512_unpacklo_epi8(a, b), high_ab = _mm512_unpackhi_epi8(a, b);
  const IVec low_cd = _mm512_unpacklo_epi8(c, d), high_cd = _mm512_unpackhi_epi8(c, d);
  const IVec v[4] = {_mm512_unpacklo_epi16(low_ab, low_cd), _mm512_unpackhi_epi16(low_ab, low_cd),
                     _mm512_unpacklo_epi16(high_ab, high_cd),
                     _mm512_unpackhi_epi16(high_ab, high_cd)};
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    __m128i* to = reinterpret_cast<__m128i*>(out + i * 16);
    _mm_storeu_si128(to, _mm512_castsi512_si128(v[i]));
    _mm_storeu_si128(to + 4, _mm512_extracti32x4_epi32(v[i], 1));
    _mm_storeu_si128(to + 8, _mm512_extracti32x4_epi32(v[i], 2));
    _mm_storeu_si128(to + 12, _mm512_extracti32x4_epi32(v[i], 3));
  }
}
#else
constexpr int kUnitChannels = 2;
// Without VNNI: products of 16-bit pairs. vpmaddubsw would be twice as fast but saturates.
SPL_INLINE IVec unit_dot(IVec acc, IVec x, IVec w) {
  return _mm512_add_epi32(acc, _mm512_madd_epi16(x, w));
}
#endif

}  // namespace SPL_ISA
}  // namespace spl
