// Vector extensions of GCC and Clang: 128-bit vectors on any processor (SSE2, NEON, ...).
// Included by simd.h only.
#pragma once

#include <cmath>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace spl {
namespace SPL_ISA {

constexpr int W = 4;
constexpr int kRegisters = 16;
typedef float Vec __attribute__((vector_size(16)));
typedef int32_t IVec __attribute__((vector_size(16)));
using Mask = IVec;

SPL_INLINE Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
SPL_INLINE void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }
// The first `lanes` < W values; the others are 0, and no byte beyond is touched.
SPL_INLINE Vec load_first(const float* p, int lanes) {
  float block[W] = {};
  std::memcpy(block, p, static_cast<size_t>(lanes) * sizeof(float));
  return load(block);
}
SPL_INLINE void store_first(float* p, Vec v, int lanes) {
  float block[W];
  store(block, v);
  std::memcpy(p, block, static_cast<size_t>(lanes) * sizeof(float));
}
SPL_INLINE Vec zero() { return Vec{0, 0, 0, 0}; }
SPL_INLINE Vec splat(float v) { return Vec{v, v, v, v}; }
SPL_INLINE Vec add(Vec a, Vec b) { return a + b; }
SPL_INLINE Vec mul(Vec a, Vec b) { return a * b; }
SPL_INLINE Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
SPL_INLINE Vec div(Vec a, Vec b) { return a / b; }
SPL_INLINE Vec root(Vec v) {
#ifdef __SSE2__
  return reinterpret_cast<Vec>(_mm_sqrt_ps(reinterpret_cast<__m128>(v)));
#else
  return Vec{::sqrtf(v[0]), ::sqrtf(v[1]), ::sqrtf(v[2]), ::sqrtf(v[3])};
#endif
}
SPL_INLINE Mask greater(Vec a, Vec b) { return a > b; }
SPL_INLINE Mask less_equal(Vec a, Vec b) { return a <= b; }
SPL_INLINE Mask nonzero(Vec v) { return v != zero(); }
SPL_INLINE IVec ipick(Mask m, IVec yes, IVec no) { return (m & yes) | (~m & no); }
SPL_INLINE Vec pick(Mask m, Vec yes, Vec no) {
  return reinterpret_cast<Vec>(ipick(m, reinterpret_cast<IVec>(yes), reinterpret_cast<IVec>(no)));
}
// Both give `b` when either operand is not a number.
SPL_INLINE Vec max_or(Vec a, Vec b) { return pick(a > b, a, b); }
SPL_INLINE Vec min_or(Vec a, Vec b) { return pick(a < b, a, b); }
SPL_INLINE float sum(Vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }
SPL_INLINE uint32_t bits(Mask m) {
#ifdef __SSE2__
  return static_cast<uint32_t>(_mm_movemask_ps(reinterpret_cast<__m128>(m)));
#else
  return (m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8);
#endif
}

SPL_INLINE IVec iload(const void* p) {
  IVec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
SPL_INLINE void istore(void* p, IVec v) { std::memcpy(p, &v, sizeof v); }
SPL_INLINE IVec isplat(int32_t v) { return IVec{v, v, v, v}; }
SPL_INLINE IVec iadd(IVec a, IVec b) { return a + b; }
SPL_INLINE IVec isub(IVec a, IVec b) { return a - b; }
SPL_INLINE IVec ior(IVec a, IVec b) { return a | b; }
SPL_INLINE IVec ishift16(IVec v) { return v << 16; }  // to the left
SPL_INLINE IVec iand(IVec a, IVec b) { return a & b; }
// All lanes by kBits to the left, or to the right with zeros.
typedef uint32_t UVec __attribute__((vector_size(16)));
template <int kBits>
SPL_INLINE IVec ileft(IVec v) {
  return reinterpret_cast<IVec>(reinterpret_cast<UVec>(v) << kBits);
}
template <int kBits>
SPL_INLINE IVec iright(IVec v) {
  return reinterpret_cast<IVec>(reinterpret_cast<UVec>(v) >> kBits);
}
SPL_INLINE IVec imax(IVec a, IVec b) { return ipick(a > b, a, b); }
SPL_INLINE int32_t largest(IVec v) {
  const int32_t a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
  return a > b ? a : b;
}
SPL_INLINE IVec as_int(Vec v) { return reinterpret_cast<IVec>(v); }  // the same bits
SPL_INLINE Vec as_float(IVec v) { return reinterpret_cast<Vec>(v); }
SPL_INLINE Mask iequal(IVec a, IVec b) { return a == b; }
SPL_INLINE Mask inonzero(IVec v) { return v != isplat(0); }
SPL_INLINE Vec to_float(IVec v) { return __builtin_convertvector(v, Vec); }
SPL_INLINE Vec round_even(Vec v) {
  return Vec{std::nearbyintf(v[0]), std::nearbyintf(v[1]), std::nearbyintf(v[2]),
             std::nearbyintf(v[3])};
}
SPL_INLINE IVec to_int(Vec v) { return __builtin_convertvector(round_even(v), IVec); }
// W bytes <-> W integers.
SPL_INLINE IVec from_bytes(const uint8_t* p) { return IVec{p[0], p[1], p[2], p[3]}; }
// The larger bytes of two vectors, by what is loaded and stored as IVec.
typedef uint8_t BVec __attribute__((vector_size(16)));
SPL_INLINE IVec bmax(IVec a, IVec b) {
  const BVec x = reinterpret_cast<BVec>(a), y = reinterpret_cast<BVec>(b);
  return reinterpret_cast<IVec>(x > y ? x : y);
}
SPL_INLINE void to_bytes(IVec v, uint8_t* p) {
  for (int i = 0; i < W; i++) p[i] = static_cast<uint8_t>(v[i]);
}
// 2 W, or 4 W, integers to bytes, saturated.
template <int N>
SPL_INLINE void to_saturated(const IVec* v, uint8_t* p) {
  for (int i = 0; i < N * W; i++) {
    const int32_t q = v[i / W][i % W];
    p[i] = static_cast<uint8_t>(q < 0 ? 0 : (q > 255 ? 255 : q));
  }
}
SPL_INLINE void to_bytes2(const IVec* v, uint8_t* p) { to_saturated<2>(v, p); }
SPL_INLINE void to_bytes4(const IVec* v, uint8_t* p) { to_saturated<4>(v, p); }
SPL_INLINE void to_halves(IVec v, uint16_t* p) {
  for (int i = 0; i < W; i++) p[i] = static_cast<uint16_t>(v[i]);
}
// The elements chosen by m, moved together.
SPL_INLINE Vec gather_front(Mask m, Vec v) {
  Vec out = zero();
  for (int i = 0, n = 0; i < W; i++)
    if (m[i]) out[n++] = v[i];
  return out;
}

// Bit i is set where from[i] == value, i < 64.
SPL_INLINE uint64_t equal_bytes(const uint8_t* from, uint8_t value) {
  uint64_t bits = 0;
  for (int i = 0; i < 64; i++) bits |= static_cast<uint64_t>(from[i] == value) << i;
  return bits;
}

// out[i] += sum of the lanes of s[i], i < 4; the same for 8.
SPL_INLINE void add_sums4(const Vec* s, float* out) {
  for (int i = 0; i < 4; i++) out[i] += sum(s[i]);
}

SPL_INLINE void add_sums8(const Vec* s, float* out) {
  add_sums4(s, out);
  add_sums4(s + 4, out + 4);
}

constexpr int kUnitChannels = 2;
// acc + the two products of signed 16-bit values in x and w, per 32-bit lane.
SPL_INLINE IVec unit_dot(IVec acc, IVec x, IVec w) {
#ifdef __SSE2__
  return acc + reinterpret_cast<IVec>(
                   _mm_madd_epi16(reinterpret_cast<__m128i>(x), reinterpret_cast<__m128i>(w)));
#else
  return acc + ((x << 16) >> 16) * ((w << 16) >> 16) + (x >> 16) * (w >> 16);
#endif
}

}  // namespace SPL_ISA
}  // namespace spl
