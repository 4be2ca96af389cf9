// Where sums begin and what becomes of them: vector j (of W outputs) of slot i.
#pragma once

#include "kernels/micro/clamped.h"
#include "kernels/micro/element.h"

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
  SPL_MEMBER ToValues at(int slots, int vectors) const {
    const int64_t step = slots * rows.stride + vectors * W;
    return {{rows.begin + slots * rows.begin_stride + vectors * W, rows.begin_stride,
             rows.residual == nullptr ? nullptr : rows.residual + step, rows.y + step, rows.stride,
             rows.clamp}};
  }
};

}  // namespace SPL_ISA
}  // namespace spl
