// The table of this instruction set.
#include "kernels/micro/entry.h"
#include "kernels/micro/simd.h"

#define SPL_NAME_2(isa) #isa
#define SPL_NAME(isa) SPL_NAME_2(isa)

namespace spl {
namespace SPL_ISA {

const MicroKernels& table() {
  static constexpr MicroKernels kernels = {
      SPL_NAME(SPL_ISA),
      kUnitChannels,
      // dot_slots.cc, dot_rows.cc
      dot_slots,
      dot_rows,
      // add_rows.cc
      add_rows,
      // dense.cc
      dense_slots,
      dense_values,
      dense_units,
      // winograd.cc
      winograd_input,
      winograd_output,
      // zero_skip.cc
      kSlideBlocks,
      kTapBlocks,
      slide_row,
      slide_units,
      tap_row,
      tap_values,
      tap_units,
      compress_run,
      compress_units_run,
      // quantize.cc
      min_max,
      quantize,
      pack_units,
      // finish.cc
      finish_run,
      finish_code_run,
      finish_max,
      finish_code,
      // argmax.cc
      select_sums_run,
      select_units_run,
      argmax_sums,
      argmax_units,
      // select.cc
      equal_bits,
      max_byte,
      spread,
      append_slots,
      // lrn.cc
      lrn_pixels,
      // pool.cc
      max_places,
      mean_pixels,
  };
  return kernels;
}

}  // namespace SPL_ISA
}  // namespace spl
