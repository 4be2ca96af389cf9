// The table of this instruction set.
#include "kernels/micro/entry.h"
#include "kernels/micro/simd/simd.h"

#define SPL_NAME_2(isa) #isa
#define SPL_NAME(isa) SPL_NAME_2(isa)

namespace spl {
namespace SPL_ISA {
namespace {

constexpr MicroKernels collected() {
  MicroKernels kernels{};
  kernels.isa = SPL_NAME(SPL_ISA);
  kernels.unit_channels = kUnitChannels;
  kernels.slide_blocks = kSlideBlocks;
  kernels.tap_blocks = kTapBlocks;
#define SPL_KERNEL(result, name, arguments) kernels.name = name
#include "kernels/micro/kernels.inc"
  return kernels;
}

}  // namespace

const MicroKernels& table() {
  static constexpr MicroKernels kernels = collected();
  return kernels;
}

}  // namespace SPL_ISA
}  // namespace spl
