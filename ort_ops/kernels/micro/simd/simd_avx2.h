// AVX2 with FMA and BMI, with or without AVX-VNNI. Included by simd.h only.
#pragma once

#include <immintrin.h>

namespace spl {
namespace SPL_ISA {

constexpr int W = 8;
constexpr int kRegisters = 16;
using Vec = __m256;
using IVec = __m256i;
using Mask = __m256;

SPL_INLINE Vec load(const float* p) { return _mm256_loadu_ps(p); }
SPL_INLINE void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
// The first `lanes` < W values; the others are 0, and no byte beyond is touched.
SPL_INLINE __m256i first_lanes(int lanes) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
SPL_INLINE Vec load_first(const float* p, int lanes) {
  return _mm256_maskload_ps(p, first_lanes(lanes));
}
SPL_INLINE void store_first(float* p, Vec v, int lanes) {
  _mm256_maskstore_ps(p, first_lanes(lanes), v);
}
SPL_INLINE Vec zero() { return _mm256_setzero_ps(); }
SPL_INLINE Vec splat(float v) { return _mm256_set1_ps(v); }
SPL_INLINE Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
SPL_INLINE Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
SPL_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
SPL_INLINE Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
SPL_INLINE Vec root(Vec v) { return _mm256_sqrt_ps(v); }
// Both give `b` when either operand is not a number.
SPL_INLINE Vec max_or(Vec a, Vec b) { return _mm256_max_ps(a, b); }
SPL_INLINE Vec min_or(Vec a, Vec b) { return _mm256_min_ps(a, b); }
SPL_INLINE float sum(Vec v) {
  const __m128 q = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}
SPL_INLINE Mask greater(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
SPL_INLINE Mask less_equal(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
SPL_INLINE Mask nonzero(Vec v) { return _mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_NEQ_UQ); }
SPL_INLINE uint32_t bits(Mask m) { return static_cast<uint32_t>(_mm256_movemask_ps(m)); }
SPL_INLINE Vec pick(Mask m, Vec yes, Vec no) { return _mm256_blendv_ps(no, yes, m); }

SPL_INLINE IVec iload(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
SPL_INLINE void istore(void* p, IVec v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
SPL_INLINE IVec isplat(int32_t v) { return _mm256_set1_epi32(v); }
SPL_INLINE IVec iadd(IVec a, IVec b) { return _mm256_add_epi32(a, b); }
SPL_INLINE IVec isub(IVec a, IVec b) { return _mm256_sub_epi32(a, b); }
SPL_INLINE IVec ior(IVec a, IVec b) { return _mm256_or_si256(a, b); }
SPL_INLINE IVec ishift16(IVec v) { return _mm256_slli_epi32(v, 16); }  // to the left
SPL_INLINE IVec iand(IVec a, IVec b) { return _mm256_and_si256(a, b); }
// All lanes by kBits to the left, or to the right with zeros.
template <int kBits>
SPL_INLINE IVec ileft(IVec v) {
  return _mm256_slli_epi32(v, kBits);
}
template <int kBits>
SPL_INLINE IVec iright(IVec v) {
  return _mm256_srli_epi32(v, kBits);
}
SPL_INLINE IVec imax(IVec a, IVec b) { return _mm256_max_epi32(a, b); }
SPL_INLINE int32_t largest(IVec v) {
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}
SPL_INLINE IVec as_int(Vec v) { return _mm256_castps_si256(v); }  // the same bits
SPL_INLINE Vec as_float(IVec v) { return _mm256_castsi256_ps(v); }
SPL_INLINE IVec ipick(Mask m, IVec yes, IVec no) {
  return _mm256_blendv_epi8(no, yes, _mm256_castps_si256(m));
}
SPL_INLINE Mask iequal(IVec a, IVec b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
SPL_INLINE Mask inonzero(IVec v) {
  const __m256i none = _mm256_cmpeq_epi32(v, _mm256_setzero_si256());
  return _mm256_castsi256_ps(_mm256_xor_si256(none, _mm256_set1_epi32(-1)));
}
SPL_INLINE Vec to_float(IVec v) { return _mm256_cvtepi32_ps(v); }
SPL_INLINE IVec to_int(Vec v) { return _mm256_cvtps_epi32(v); }  // to nearest, ties to even
SPL_INLINE Vec round_even(Vec v) { return _mm256_round_ps(v, 8); }
// W bytes <-> W integers.
SPL_INLINE IVec from_bytes(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
// The larger bytes of two vectors, by what is loaded and stored as IVec.
SPL_INLINE IVec bmax(IVec a, IVec b) { return _mm256_max_epu8(a, b); }
SPL_INLINE __m128i low_halves(IVec v) {
  return _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}
SPL_INLINE void to_bytes(IVec v, uint8_t* p) {
  const __m128i h = low_halves(v);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(h, h));
}
// 4 W integers to bytes, saturated: packing four vectors together takes a quarter of the time.
SPL_INLINE void to_bytes4(const IVec* v, uint8_t* p) {
  const IVec q =
      _mm256_packus_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
  const IVec order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permutevar8x32_epi32(q, order));
}
// The same of 2 W integers.
SPL_INLINE void to_bytes2(const IVec* v, uint8_t* p) {
  const IVec h = _mm256_packs_epi32(v[0], v[1]), q = _mm256_packus_epi16(h, h);
  const IVec order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(q, order)));
}
SPL_INLINE void to_halves(IVec v, uint16_t* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), low_halves(v));
}

// The elements chosen by m, moved together: AVX2 has no compress, but the permutation for each of
// the 256 masks fits 2 KB (8 indices of one byte).
struct FrontTable {
  uint64_t order[256];
  constexpr FrontTable() : order() {
    for (int m = 0; m < 256; m++) {
      uint64_t packed = 0;
      for (int i = 0, n = 0; i < 8; i++)
        if (m >> i & 1) packed |= static_cast<uint64_t>(i) << (8 * n++);
      order[m] = packed;
    }
  }
};
static constexpr FrontTable kFront{};
SPL_INLINE Vec gather_front(Mask m, Vec v) {
  const __m128i order = _mm_cvtsi64_si128(static_cast<int64_t>(kFront.order[bits(m)]));
  return _mm256_permutevar8x32_ps(v, _mm256_cvtepu8_epi32(order));
}

// Bit i is set where from[i] == value, i < 64.
SPL_INLINE uint64_t equal_bytes(const uint8_t* from, uint8_t value) {
  const __m256i wanted = _mm256_set1_epi8(static_cast<char>(value));
  uint64_t bits = 0;
  for (int i = 0; i < 64; i += 32) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    const int m = _mm256_movemask_epi8(_mm256_cmpeq_epi8(v, wanted));
    bits |= static_cast<uint64_t>(static_cast<uint32_t>(m)) << i;
  }
  return bits;
}

// out[i] += sum of the lanes of s[i], i < 4; the same for 8.
SPL_INLINE void add_sums4(const Vec* s, float* out) {
  const __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(s[0], s[1]), _mm256_unpackhi_ps(s[0], s[1]));
  const __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(s[2], s[3]), _mm256_unpackhi_ps(s[2], s[3]));
  const __m256d p = _mm256_castps_pd(ab), q = _mm256_castps_pd(cd);
  const __m256 u = _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(p, q)),
                                 _mm256_castpd_ps(_mm256_unpackhi_pd(p, q)));
  const __m128 r = _mm_add_ps(_mm256_castps256_ps128(u), _mm256_extractf128_ps(u, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm_loadu_ps(out), r));
}

SPL_INLINE void add_sums8(const Vec* s, float* out) {
  add_sums4(s, out);
  add_sums4(s + 4, out + 4);
}

#ifdef SPL_ISA_avxvnni
constexpr int kUnitChannels = 4;
// acc + the four products of unsigned bytes in x and signed bytes in w, per 32-bit lane.
// Assembly, as in simd_avx512.h.
SPL_INLINE IVec unit_dot(IVec acc, IVec x, IVec w) {
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
  return acc;
}

// Lane i of out: byte at + i of each of four rows, i < 4 W. Shuffles stay within quarters of 16
// bytes, whose results are stored one by one.
#define SPL_STACKS
SPL_INLINE void stack(const uint8_t* const* rows, int64_t at, char* out) {
  const IVec a = iload(rows[0] + at), b = iload(rows[1] + at);
  const IVec c = iload(rows[2] + at), d = iload(rows[3] + at);
  const IVec low_ab = _mm256_unpacklo_epi8(a, b), high_ab = _mm256_unpackhi_epi8(a, b);
  const IVec low_cd = _mm256_unpacklo_epi8(c, d), high_cd = _mm256_unpackhi_epi8(c, d);
  const IVec v[4] = {_mm256_unpacklo_epi16(low_ab, low_cd), _mm256_unpackhi_epi16(low_ab, low_cd),
                     _mm256_unpacklo_epi16(high_ab, high_cd),
                     _mm256_unpackhi_epi16(high_ab, high_cd)};
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    __m128i* to = reinterpret_cast<__m128i*>(out + i * 16);
    _mm_storeu_si128(to, _mm256_castsi256_si128(v[i]));
    _mm_storeu_si128(to + 4, _mm256_extracti128_si256(v[i], 1));
  }
}
#else
constexpr int kUnitChannels = 2;
// Without VNNI: products of 16-bit pairs. vpmaddubsw would be twice as fast but saturates.
SPL_INLINE IVec unit_dot(IVec acc, IVec x, IVec w) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w));
}
#endif

}  // namespace SPL_ISA
}  // namespace spl
