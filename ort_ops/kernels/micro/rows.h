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

SPL_INLINE ScoreView score_at(const ScoreView& score, int64_t lane) {
  return {score.correction == nullptr ? nullptr : score.correction + lane, score.scale + lane,
          score.bias + lane};
}

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
    return {{rows.begin + slots * rows.begin_stride + vectors * W, rows.begin_stride,
             score_at(rows.score, vectors * W), rows.residual.from(step), rows.y.from(step),
             rows.stride, rows.clamp, rows.clipped_by_bytes}};
  }
};

// The same where values are nothing but bytes: no residual, no correction, and no activation but
// that bytes begin at 0. It is most of what a layer with few input channels does, so nothing is
// asked or made again for each slot.
struct UnitsToBytes {
  const int32_t* first;
  int64_t first_stride;
  const float *scale, *bias;
  uint8_t* y;
  int64_t stride;
  float inverse;

  static SPL_MEMBER bool suits(const UnitValueRows& rows) {
    return kSaturates && rows.clipped_by_bytes && rows.score.correction == nullptr &&
           rows.residual.floats == nullptr && rows.residual.bytes == nullptr;
  }
  static SPL_MEMBER UnitsToBytes of(const UnitValueRows& rows) {
    return {rows.begin,   rows.begin_stride, rows.score.scale,   rows.score.bias,
            rows.y.bytes, rows.stride,       rows.y.code.inverse};
  }
  SPL_MEMBER IVec begin(int i, int j) const { return iload(first + i * first_stride + j * W); }
  template <int N>
  SPL_MEMBER void ends(int i, const IVec* sums) const {
    IVec q[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) {
      const Vec v = add(mul(to_float(sums[j]), load(scale + j * W)), load(bias + j * W));
      q[j] = to_int(min_or(splat(255.0f), mul(v, splat(inverse))));
    }
    uint8_t* to = y + i * stride;
    if constexpr (N == 4)
      to_bytes4(q, to);
    else if constexpr (N == 2)
      to_bytes2(q, to);
    else
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) to_bytes(imax(q[j], isplat(0)), to + j * W);
  }
  SPL_MEMBER UnitsToBytes at(int slots, int vectors) const {
    return {first + slots * first_stride + vectors * W,
            first_stride,
            scale + vectors * W,
            bias + vectors * W,
            y + slots * stride + vectors * W,
            stride,
            inverse};
  }
};

}  // namespace SPL_ISA
}  // namespace spl
