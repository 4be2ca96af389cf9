// The table of this instruction set.
#include "kernels/micro/entry.h"
#include "kernels/micro/simd.h"

#define SPL_NAME_2(isa) #isa
#define SPL_NAME(isa) SPL_NAME_2(isa)

namespace spl {
namespace SPL_ISA {

const MicroKernels& table() {
  static constexpr MicroKernels kernels = {
      SPL_NAME(SPL_ISA), kUnitChannels, dot_slots,   dot_rows,     dense_slots,
      sparse_slots,      dense_units,   compress,    min_max,      quantize,
      pack_units,        finish_max,    finish_code, argmax_sums,  argmax_units,
      equal_bits,        max_byte,      append_slots,
  };
  return kernels;
}

}  // namespace SPL_ISA
}  // namespace spl
