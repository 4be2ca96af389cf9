// Winograd's convolution in float32: its two transforms.
#include "kernels/micro/entry.h"
#include "kernels/micro/winograd_points.h"

namespace spl {
namespace SPL_ISA {

void winograd_input(const float* const* pixels, int channels, float* out, int64_t stride) {
  for (int c = 0; c < channels; c += W) {
    Vec t[kWinogradPositions];
    const auto pixel = [&](int i, int at, int lanes)
                           SPL_LAMBDA { return load_some(pixels[i] + at, lanes); };
    input_places<Quick>(pixel, c, least(W, channels - c), t);
#pragma GCC unroll 36
    for (int p = 0; p < kWinogradPositions; p++) store(out + p * stride + c, t[p]);
  }
}

bool winograd_output(const float* sums, int64_t stride, int blocks, int side,
                     const SquareValues& to) {
  return output_of_side<Quick, false>(sums, stride, blocks, side, to);
}

}  // namespace SPL_ISA
}  // namespace spl
