// From the sums of a predictor to the selection: threshold, and the place of the highest score.
#include "kernels/micro/entry.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {
namespace {

SPL_INLINE Vec score_of(const ScoreView& score, const int32_t* sums, int at) {
  const Vec exact = to_float(isub(iload(sums), iload(score.correction + at)));
  return add(mul(exact, load(score.scale + at)), load(score.bias + at));
}

// score(place, l, lanes) for every candidate; writes 1 + the first place of the highest one.
template <class Score>
SPL_INLINE void argmax(const WindowView& window, float threshold, uint8_t* code, Score score) {
  for (int l = 0; l < window.lanes; l += W) {
    const int lanes = least(W, window.lanes - l);
    Vec best = splat(threshold);
    IVec place = isplat(0);
    for (int i = 0; i < window.count; i++) {
      if (window.sums[i] == nullptr) continue;
      const Vec s = score(i, l, lanes);
      const Mask better = greater(s, best);
      best = pick(better, s, best);
      place = ipick(better, isplat(i + 1), place);
    }
    store_codes(place, code + l, lanes);
  }
}

// score(element index of sums, channel l) for all vectors of the run.
template <class Score>
SPL_INLINE void select_run(const Run& run, float threshold, uint8_t* code, Score score) {
  const float* residual = run.residual;
  for (int i = 0; i < run.count; i++, code += run.stride) {
    for (int l = 0; l < run.lanes; l += W) {
      const int lanes = least(W, run.lanes - l);
      Vec s = score(i * run.sum_stride + l, l);
      if (residual != nullptr) s = add(s, load_some(residual + l, lanes));
      store_codes(ipick(greater(s, splat(threshold)), isplat(1), isplat(0)), code + l, lanes);
    }
    if (residual != nullptr) residual += run.stride;
  }
}

}  // namespace

void select_sums_run(const Run& run, float threshold, uint8_t* code) {
  const float* sums = static_cast<const float*>(run.sums);
  select_run(run, threshold, code,
             [&](int64_t index, int) SPL_LAMBDA { return load(sums + index); });
}

void select_units_run(const Run& run, const ScoreView& score, float threshold, uint8_t* code) {
  const int32_t* sums = static_cast<const int32_t*>(run.sums);
  select_run(run, threshold, code,
             [&](int64_t index, int l) SPL_LAMBDA { return score_of(score, sums + index, l); });
}

void argmax_sums(const WindowView& window, float threshold, uint8_t* code) {
  argmax(window, threshold, code,
         [&](int i, int l, int lanes) SPL_LAMBDA { return candidate(window, i, l, lanes); });
}

void argmax_units(const WindowView& window, const ScoreView& score, float threshold,
                  uint8_t* code) {
  argmax(window, threshold, code, [&](int i, int l, int lanes) SPL_LAMBDA {
    const Vec s = score_of(score, static_cast<const int32_t*>(window.sums[i]) + l, l);
    return window.residual[i] == nullptr ? s : add(s, load_some(window.residual[i] + l, lanes));
  });
}

}  // namespace SPL_ISA
}  // namespace spl
