#include "kernels/sparse/sampling.h"

#include <algorithm>

namespace spl {
namespace {

constexpr int64_t kMostPixels = 128;  // a thousandth of the time of a large layer
constexpr int64_t kWord = 64;
constexpr int64_t kCounted = 1 << 20;  // channels that a 32-bit number counts

}  // namespace

double sampled_zero_share(const ConvShape& shape, const float* image, int per_element) {
  int64_t zero = 0, seen = 0;
  // Odd, so that it does not follow the columns of common sizes.
  const int64_t step = std::max<int64_t>(7, shape.H * shape.W / kMostPixels | 1);
  for (int64_t p = 0; p < shape.H * shape.W; p += step) {
    const float* x = image + p * shape.C;
    if (per_element == 1) {
      for (int64_t c0 = 0; c0 < shape.C; c0 += kCounted) {
        int32_t count = 0;  // as wide as the values, so that the loop becomes one of vectors
        for (int64_t c = c0; c < std::min(shape.C, c0 + kCounted); c++) count += x[c] == 0;
        zero += count;
      }
      seen += shape.C;
      continue;
    }
    for (int64_t c = 0; c + per_element <= shape.C; c += per_element, seen++) {
      bool all = true;
      for (int k = 0; k < per_element; k++) all &= x[c + k] == 0;
      zero += all;
    }
  }
  return seen == 0 ? 0 : static_cast<double>(zero) / static_cast<double>(seen);
}

double selected_share(const ConvShape& shape, const uint8_t* codes, const MicroKernels& micro) {
  const int64_t size = shape.pH * shape.pW * shape.O;
  int64_t trivial = 0;
  for (int64_t i = 0; i < size; i += kWord)
    trivial += __builtin_popcountll(
        micro.equal_bits(codes + i, static_cast<int>(std::min(kWord, size - i)), 0));
  return static_cast<double>(size - trivial) / static_cast<double>(shape.oH * shape.oW * shape.O);
}

}  // namespace spl
