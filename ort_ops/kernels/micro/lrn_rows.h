// How many pixels the LRN kernels square before they sum: windows are read across the vectors that
// were written, and a processor stops where these are still on their way to memory.
#pragma once

#include "kernels/micro/micro.h"

namespace spl {

constexpr int64_t kLrnValues = 4096, kLrnRows = 16;  // of all pixels, and pixels, at most

constexpr int64_t lrn_rows(int64_t channels) {
  if (channels * kLrnRows <= kLrnValues) return kLrnRows;
  return channels < kLrnValues ? kLrnValues / channels : 1;
}

// Floats for the squares of a pixel, with `others` zeros around them; and of all these pixels.
constexpr int64_t lrn_row(int64_t channels, int64_t others) {
  return (channels + kLanes - 1) / kLanes * kLanes + others;
}
constexpr int64_t lrn_room(int64_t channels, int64_t others) {
  return lrn_rows(channels) * lrn_row(channels, others);
}

}  // namespace spl
