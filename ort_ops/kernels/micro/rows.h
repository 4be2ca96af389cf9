// Where sums begin and what becomes of them: vector j (of W outputs) of slot i.
#pragma once

#include "kernels/micro/bytes.h"
#include "kernels/micro/clamped.h"
#include "kernels/micro/element.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {

// They go on in memory.
template <class T>
struct ToSums {
  SumRows<typename T::Sum> rows;
  SPL_MEMBER typename T::V begin(int i, int j) const {
    return T::load_sum(rows.begin + i * rows.begin_stride + j * W);
  }
  SPL_MEMBER void end(int i, int j, typename T::V v) const {
    T::store_sum(rows.end + i * rows.stride + j * W, v);
  }
  template <int N>
  SPL_MEMBER void ends(int i, const typename T::V* v) const {
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) end(i, j, v[j]);
  }
  SPL_MEMBER ToSums at(int slots, int vectors) const {
    return {{rows.begin + slots * rows.begin_stride + vectors * W, rows.begin_stride,
             rows.end + slots * rows.stride + vectors * W, rows.stride}};
  }
};

// They become values.
struct ToValues {
  ValueRows rows;
  SPL_MEMBER Vec begin(int i, int j) const {
    return load(rows.begin + i * rows.begin_stride + j * W);
  }
  SPL_MEMBER void end(int i, int j, Vec v) const {
    if (rows.residual != nullptr) v = add(v, load(rows.residual + i * rows.stride + j * W));
    store(rows.y + i * rows.stride + j * W, clamped(v, rows.clamp));
  }
  template <int N>
  SPL_MEMBER void ends(int i, const Vec* v) const {
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) end(i, j, v[j]);
  }
  SPL_MEMBER ToValues at(int slots, int vectors) const {
    const int64_t step = slots * rows.stride + vectors * W;
    return {{rows.begin + slots * rows.begin_stride + vectors * W, rows.begin_stride,
             rows.residual == nullptr ? nullptr : rows.residual + step, rows.y + step, rows.stride,
             rows.clamp}};
  }
};

// 32-bit sums that become floats, scaled by output and by slot; whole positions of Winograd's
// convolution.
struct ToScaled {
  ScaledRows rows;
  SPL_MEMBER IVec begin(int, int j) const { return iload(rows.begin + j * W); }
  SPL_MEMBER void end(int i, int j, IVec v) const {
    const Vec scale = mul(load(rows.scale + j * W), splat(rows.slot_scale[i]));
    store(rows.end + i * rows.stride + j * W, mul(to_float(v), scale));
  }
  template <int N>
  SPL_MEMBER void ends(int i, const IVec* v) const {
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) end(i, j, v[j]);
  }
  SPL_MEMBER ToScaled at(int slots, int vectors) const {
    return {{rows.begin + vectors * W, rows.scale + vectors * W, rows.slot_scale + slots,
             rows.end + slots * rows.stride + vectors * W, rows.stride}};
  }
};

// 32-bit sums that become values.
struct UnitsToValues {
  UnitValueRows rows;
  SPL_MEMBER IVec begin(int i, int j) const {
    return iload(rows.begin + i * rows.begin_stride + j * W);
  }
  template <int N>
  SPL_MEMBER void ends(int i, const IVec* sums) const {
    const int64_t at = i * rows.stride;
    Vec v[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) {
      v[j] = plus(scored(sums[j], rows.score, j * W), rows.residual, at + j * W);
      // What becomes bytes at once is clipped by them alone.
      if (!rows.clipped_by_bytes) v[j] = clamped(v[j], rows.clamp);
    }
    put<N>(rows.y, at, v);
  }
  SPL_MEMBER UnitsToValues at(int slots, int vectors) const {
    const int64_t step = slots * rows.stride + vectors * W;
    return {{rows.begin + slots * rows.begin_stride + vectors * W,
             rows.begin_stride,
             {rows.score.correction + vectors * W, rows.score.scale + vectors * W,
              rows.score.bias + vectors * W},
             rows.residual.from(step),
             rows.y.from(step),
             rows.stride,
             rows.clamp,
             rows.clipped_by_bytes}};
  }
};

}  // namespace SPL_ISA
}  // namespace spl
