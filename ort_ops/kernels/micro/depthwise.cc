// Convolutions in which every output sees its own channel only: no input serves two outputs, so
// vectors of neighbouring channels meet vectors of weights.
//
// In 8 bits an instruction multiplies neighbours of a unit, which are taps here: units are made of
// bytes that lie below each other in the image. Made once for a row of outputs, they serve all
// columns of the kernel.
#include "kernels/micro/dense_tile.h"
#include "kernels/micro/entry.h"

namespace spl {
namespace SPL_ISA {

void stack_rows(const uint8_t* const* rows, int64_t n, void* out) {
  char* to = static_cast<char*>(out);
  int64_t i = 0;
#ifdef SPL_STACKS
  for (; i + 4 * W <= n; i += 4 * W) stack(rows, i, to + i * 4);
#else
  for (; i + W <= n; i += W)
    istore(to + i * 4, ior(from_bytes(rows[0] + i), ishift16(from_bytes(rows[1] + i))));
#endif
  for (; i < n; i++) {
    uint32_t unit = 0;
    for (int k = 0; k < kUnitChannels; k++)
      unit |= static_cast<uint32_t>(rows[k][i]) << (32 / kUnitChannels * k);
    std::memcpy(to + i * 4, &unit, 4);
  }
}

void depthwise_slots(const TileView& view, const float* weights, int blocks, int count,
                     const SumRows<float>& sums) {
  dense<Floats, Meets::kOwn>(view, 1, weights, blocks, count, ToSums<Floats>{sums}, {nullptr, 0});
}

void depthwise_values(const TileView& view, const float* weights, int blocks, int count,
                      const ValueRows& values) {
  dense<Floats, Meets::kOwn>(view, 1, weights, blocks, count, ToValues{values}, {nullptr, 0});
}

void depthwise_units(const TileView& view, const void* weights, int blocks, int count,
                     const SumRows<int32_t>& sums) {
  dense<Units, Meets::kOwn>(view, 1, weights, blocks, count, ToSums<Units>{sums}, {nullptr, 0});
}

void depthwise_units_values(const TileView& view, const void* weights, int blocks, int count,
                            const UnitValueRows& values) {
  dense<Units, Meets::kOwn>(view, 1, weights, blocks, count, UnitsToValues{values}, {nullptr, 0});
}

}  // namespace SPL_ISA
}  // namespace spl
