// From the sums of a tile to results: activation, pooling, the place of the highest score.
// One call makes up to 16 neighbouring outputs of one window.
#include "kernels/micro/entry.h"
#include "kernels/micro/simd.h"

namespace spl {
namespace SPL_ISA {
namespace {

// A not-a-number survives, as it does in the dense computation.
SPL_INLINE Vec clamped(Vec v, const Clamp& c) {
  v = min_or(splat(c.high), max_or(splat(c.low), v));
  return c.floor > 0 ? pick(less_equal(v, splat(c.floor)), zero(), v) : v;
}

SPL_INLINE Vec candidate(const WindowView& w, int place, int at) {
  const Vec v = load(static_cast<const float*>(w.sums[place]) + at);
  return w.residual[place] == nullptr ? v : add(v, load(w.residual[place] + at));
}

SPL_INLINE void store_some(const float* block, int lanes, float* y) {
  std::memcpy(y, block, static_cast<size_t>(lanes) * sizeof(float));
}

// Runs body(at, out) for each vector of the lane block, straight into y when all 16 are wanted.
template <class Body>
SPL_INLINE void write_lanes(int lanes, float* y, Body body) {
  alignas(64) float block[kLanes];
  float* out = lanes == kLanes ? y : block;
#pragma GCC unroll 4
  for (int at = 0; at < kLanes; at += W) store(out + at, body(at));
  if (lanes != kLanes) store_some(block, lanes, y);
}

// score(place, at) for every candidate; writes 1 + the first place of the highest one.
template <class Score>
SPL_INLINE void argmax(const WindowView& window, float threshold, uint8_t* code, Score score) {
  alignas(64) uint8_t block[kLanes + 64];
#pragma GCC unroll 4
  for (int at = 0; at < kLanes; at += W) {
    Vec best = splat(threshold);
    IVec place = isplat(0);
    for (int i = 0; i < window.count; i++) {
      if (window.sums[i] == nullptr) continue;
      const Vec s = score(i, at);
      const Mask better = greater(s, best);
      best = pick(better, s, best);
      place = ipick(better, isplat(i + 1), place);
    }
    to_bytes(place, block + at);
  }
  std::memcpy(code, block, static_cast<size_t>(window.lanes));
}

SPL_INLINE void finish_tail(const float* sums, const float* residual, const Clamp& clamp, int lanes,
                            float* y) {
  float a[W] = {}, r[W] = {};
  const size_t bytes = static_cast<size_t>(lanes) * sizeof(float);
  std::memcpy(a, sums, bytes);
  if (residual != nullptr) std::memcpy(r, residual, bytes);
  store(a, clamped(residual == nullptr ? load(a) : add(load(a), load(r)), clamp));
  std::memcpy(y, a, bytes);
}

}  // namespace

void finish_run(const float* sums, int64_t sum_stride, const float* residual,
                int64_t residual_stride, const Clamp& clamp, int count, int lanes, float* y,
                int64_t y_stride) {
  for (int i = 0; i < count; i++, sums += sum_stride, y += y_stride) {
    int l = 0;
    for (; l + W <= lanes; l += W) {
      const Vec v = load(sums + l);
      store(y + l, clamped(residual == nullptr ? v : add(v, load(residual + l)), clamp));
    }
    if (l < lanes)
      finish_tail(sums + l, residual == nullptr ? nullptr : residual + l, clamp, lanes - l, y + l);
    if (residual != nullptr) residual += residual_stride;
  }
}

void finish_max(const WindowView& window, const Clamp& clamp, float* y) {
  write_lanes(window.lanes, y, [&](int at) SPL_LAMBDA {
    Vec v = zero();
    bool first = true;
    for (int i = 0; i < window.count; i++) {
      if (window.sums[i] == nullptr) continue;
      const Vec s = candidate(window, i, at);
      v = first ? s : max_or(v, s);
      first = false;
    }
    return clamped(v, clamp);
  });
}

void finish_code(const WindowView& window, const Clamp& clamp, const uint8_t* code, float* y) {
  alignas(64) uint8_t codes[kLanes + 64] = {};
  std::memcpy(codes, code, static_cast<size_t>(window.lanes));
  write_lanes(window.lanes, y, [&](int at) SPL_LAMBDA {
    const IVec wanted = from_bytes(codes + at);
    Vec v = zero();
    for (int i = 0; i < window.count; i++) {
      if (window.sums[i] == nullptr) continue;
      v = pick(iequal(wanted, isplat(i + 1)), candidate(window, i, at), v);
    }
    return pick(iequal(wanted, isplat(0)), zero(), clamped(v, clamp));
  });
}

void argmax_sums(const WindowView& window, float threshold, uint8_t* code) {
  argmax(window, threshold, code, [&](int i, int at) SPL_LAMBDA { return candidate(window, i, at); });
}

void argmax_units(const WindowView& window, const ScoreView& score, float threshold,
                  uint8_t* code) {
  argmax(window, threshold, code, [&](int i, int at) SPL_LAMBDA {
    const IVec sum = iload(static_cast<const int32_t*>(window.sums[i]) + at);
    const Vec exact = to_float(isub(sum, iload(score.correction + at)));
    const Vec s = add(mul(exact, load(score.scale + at)), load(score.bias + at));
    return window.residual[i] == nullptr ? s : add(s, load(window.residual[i] + at));
  });
}

}  // namespace SPL_ISA
}  // namespace spl
