// From the sums of a tile to values: residual, activation, pooling or the selected place.
#include "kernels/micro/entry.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {
namespace {

// A not-a-number survives, as it does in the dense computation.
SPL_INLINE Vec clamped(Vec v, const Clamp& c) {
  v = min_or(splat(c.high), max_or(splat(c.low), v));
  return c.floor > 0 ? pick(less_equal(v, splat(c.floor)), zero(), v) : v;
}

// Runs body(at, out) for each vector of the lane block, straight into y when all 16 are wanted.
template <class Body>
SPL_INLINE void write_lanes(int lanes, float* y, Body body) {
  alignas(64) float block[kLanes];
  float* out = lanes == kLanes ? y : block;
#pragma GCC unroll 4
  for (int at = 0; at < kLanes; at += W) store(out + at, body(at));
  if (lanes != kLanes) std::memcpy(y, block, static_cast<size_t>(lanes) * sizeof(float));
}

// value(sums of one vector, offset l from y, lanes of it that count) for all vectors of the run.
template <class Value>
SPL_INLINE void for_each_vector(const Run& run, float* y, Value value) {
  const float* sums = static_cast<const float*>(run.sums);
  const float* residual = run.residual;
  for (int i = 0; i < run.count; i++, sums += run.sum_stride, y += run.stride) {
    for (int l = 0; l < run.lanes; l += W) {
      const int lanes = least(W, run.lanes - l);
      Vec v = load(sums + l);
      if (residual != nullptr) v = add(v, load_some(residual + l, lanes));
      store_some(value(v, i * run.stride + l, lanes), y + l, lanes);
    }
    if (residual != nullptr) residual += run.stride;
  }
}

}  // namespace

void finish_run(const Run& run, const Clamp& clamp, float* y) {
  for_each_vector(run, y, [&](Vec v, int64_t, int) SPL_LAMBDA { return clamped(v, clamp); });
}

void finish_code_run(const Run& run, const Clamp& clamp, const uint8_t* code, float* y) {
  for_each_vector(run, y, [&](Vec v, int64_t at, int lanes) SPL_LAMBDA {
    const Mask none = iequal(load_codes(code + at, lanes), isplat(0));
    return pick(none, zero(), clamped(v, clamp));
  });
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
  alignas(64) uint8_t codes[kLanes] = {};
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

}  // namespace SPL_ISA
}  // namespace spl
