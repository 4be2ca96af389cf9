// Sums of all outputs of a run of slots, of float or quantised input.
#include "kernels/micro/dense_tile.h"
#include "kernels/micro/entry.h"

namespace spl {
namespace SPL_ISA {

void dense_slots(const TileView& view, int channels, const float* weights, int blocks, int count,
                 const SumRows<float>& sums, const Prefetch& next) {
  dense<Floats, Meets::kAll>(view, channels, weights, blocks, count, ToSums<Floats>{sums}, next);
}

void dense_values(const TileView& view, int channels, const float* weights, int blocks, int count,
                  const ValueRows& values, const Prefetch& next) {
  dense<Floats, Meets::kAll>(view, channels, weights, blocks, count, ToValues{values}, next);
}

void dense_units(const TileView& view, int units, const void* weights, int blocks, int count,
                 const SumRows<int32_t>& sums) {
  dense<Units, Meets::kAll>(view, units, weights, blocks, count, ToSums<Units>{sums}, {nullptr, 0});
}

void dense_units_scaled(const TileView& view, int units, const void* weights, int blocks, int count,
                        const ScaledRows& rows, const Prefetch& next) {
  dense<Units, Meets::kAll>(view, units, weights, blocks, count, ToScaled{rows}, next);
}

void dense_units_values(const TileView& view, int units, const void* weights, int blocks, int count,
                        const UnitValueRows& values, const Prefetch& next) {
  if (UnitsToBytes::suits(values))
    dense<Units, Meets::kAll>(view, units, weights, blocks, count, UnitsToBytes::of(values), next);
  else
    dense<Units, Meets::kAll>(view, units, weights, blocks, count, UnitsToValues{values}, next);
}

}  // namespace SPL_ISA
}  // namespace spl
