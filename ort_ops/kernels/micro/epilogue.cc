// From the sums of a tile to values: residual, activation, pooling or the selected place.
#include "kernels/micro/clamped.h"
#include "kernels/micro/entry.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {
namespace {

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

constexpr int kTogether = 4;

// The maxima of N whole vectors from lane `l` on.
template <int N>
SPL_INLINE void max_vectors(const WindowView& window, const Clamp& clamp, int l, float* y) {
  Vec v[N];
#pragma GCC unroll 4
  for (int j = 0; j < N; j++) v[j] = splat(-__builtin_inff());
  for (int i = 0; i < window.count; i++) {
    if (window.sums[i] == nullptr) continue;
    const float* sums = static_cast<const float*>(window.sums[i]) + l;
    const float* residual = window.residual[i];
    if (residual == nullptr) {
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) v[j] = max_or(v[j], load(sums + j * W));
    } else {
#pragma GCC unroll 4
      for (int j = 0; j < N; j++)
        v[j] = max_or(v[j], add(load(sums + j * W), load(residual + l + j * W)));
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < N; j++) store(y + j * W, clamped(v[j], clamp));
}

}  // namespace

void epilogue_run(const Run& run, const Clamp& clamp, float* y) {
  for_each_vector(run, y, [&](Vec v, int64_t, int) SPL_LAMBDA { return clamped(v, clamp); });
}

void epilogue_code_run(const Run& run, const Clamp& clamp, const uint8_t* code, float* y) {
  for_each_vector(run, y, [&](Vec v, int64_t at, int lanes) SPL_LAMBDA {
    const Mask none = iequal(load_codes(code + at, lanes), isplat(0));
    return pick(none, zero(), clamped(v, clamp));
  });
}

void epilogue_max(const WindowView& window, const Clamp& clamp, float* y) {
  int l = 0;
  // Several vectors share the walk over the places, which would take longer than the maxima.
  for (; l + kTogether * W <= window.lanes; l += kTogether * W)
    max_vectors<kTogether>(window, clamp, l, y + l);
  for (; l < window.lanes; l += W) {
    const int lanes = least(W, window.lanes - l);
    Vec v = splat(-__builtin_inff());
    for (int i = 0; i < window.count; i++)
      if (window.sums[i] != nullptr) v = max_or(v, candidate(window, i, l, lanes));
    store_some(clamped(v, clamp), y + l, lanes);
  }
}

void epilogue_code(const WindowView& window, const Clamp& clamp, const uint8_t* code, float* y) {
  for (int l = 0; l < window.lanes; l += W) {
    const int lanes = least(W, window.lanes - l);
    const IVec wanted = load_codes(code + l, lanes);
    Vec v = zero();
    for (int i = 0; i < window.count; i++) {
      if (window.sums[i] == nullptr) continue;
      v = pick(iequal(wanted, isplat(i + 1)), candidate(window, i, l, lanes), v);
    }
    v = pick(iequal(wanted, isplat(0)), zero(), clamped(v, clamp));
    store_some(v, y + l, lanes);
  }
}

void units_to_floats(int32_t* sums, int64_t count, int blocks, const ScoreView& score) {
  const int width = blocks * kLanes;
  for (int64_t s = 0; s < count; s++, sums += width)
    for (int l = 0; l < width; l += W)
      store(reinterpret_cast<float*>(sums + l), scored(iload(sums + l), score, l));
}

}  // namespace SPL_ISA
}  // namespace spl
