// Planes of floats to channels-last bytes. The bytes of up to four channels of a pixel are
// a word, so that pixels side by side make a vector of words.
#include "kernels/micro/bytes.h"
#include "kernels/micro/entry.h"

namespace spl {
namespace SPL_ISA {
namespace {

constexpr int kTogether = 4;  // channels in a word

// The words of `lanes` pixels, from N planes of which the next is `plane` floats on.
template <int N>
SPL_INLINE IVec words(const float* x, int64_t plane, int lanes, const Quantization& code) {
  auto level = [&](int channel) SPL_LAMBDA {
    return quantized(load_some(x + channel * plane, lanes), splat(code.inverse), splat(code.zero));
  };
  IVec all = level(0);
  if constexpr (N > 1) all = ior(all, ileft<8>(level(1)));
  if constexpr (N > 2) all = ior(all, ileft<16>(level(2)));
  if constexpr (N > 3) all = ior(all, ileft<24>(level(3)));
  return all;
}

// N channels of all pixels; `y` begins at the first of them. What kWritten bytes reach beyond the N
// of a pixel is written again with the next one.
template <int N, int kWritten = N>
SPL_INLINE void to_pixels(const float* x, int64_t plane, int64_t pixels, int64_t channels,
                          const Quantization& code, uint8_t* y) {
  alignas(64) uint32_t word[W];
  for (int64_t p = 0; p < pixels; p += W) {
    const int lanes = static_cast<int>(least<int64_t>(W, pixels - p));
    istore(word, words<N>(x + p, plane, lanes, code));
    uint8_t* to = y + p * channels;
    if (lanes == W) {
#pragma GCC unroll 16
      for (int i = 0; i < W - 1; i++, to += channels) std::memcpy(to, word + i, kWritten);
      std::memcpy(to, word + W - 1, N);
    } else {
      for (int i = 0; i < lanes; i++, to += channels) std::memcpy(to, word + i, N);
    }
  }
}

}  // namespace

void quantize_planes(const float* x, int64_t plane, int64_t pixels, int64_t channels,
                     const Quantization& code, uint8_t* y) {
  if (channels == 3) return to_pixels<3, 4>(x, plane, pixels, channels, code, y);
  int64_t c = 0;
  for (; c + kTogether <= channels; c += kTogether)
    to_pixels<kTogether>(x + c * plane, plane, pixels, channels, code, y + c);
  x += c * plane, y += c;
  if (channels - c == 1) to_pixels<1>(x, plane, pixels, channels, code, y);
  if (channels - c == 2) to_pixels<2>(x, plane, pixels, channels, code, y);
  if (channels - c == 3) to_pixels<3>(x, plane, pixels, channels, code, y);
}

}  // namespace SPL_ISA
}  // namespace spl
