// Winograd's convolution with products in 8 bits: the transformed input is quantised place by
// place, with a scale for each square and place; the same bits on every processor.
#include "kernels/micro/entry.h"
#include "kernels/micro/winograd_points.h"

namespace spl {
namespace SPL_ISA {
namespace {

// x + kMagic has the integer nearest to x, plus 128, in its last byte, for |x| <= 127.5: one
// multiply-add rounds, shifts and adds the zero point.
constexpr float kMagic = 12582912.0f + 128.0f;
constexpr int kRounded = 48;      // positions, rounded up to whole vectors
constexpr float kLeast = 1e-30f;  // so that places that are 0 have a scale

SPL_INLINE IVec place_byte(Vec v, Vec inverse) {
  return iand(as_int(Once::fma(v, inverse, splat(kMagic))), isplat(255));
}

SPL_INLINE void store_place(Vec v, Vec inverse, uint8_t* out) {
  const IVec byte = place_byte(v, inverse);
  if constexpr (kUnitChannels == 4)
    to_bytes(byte, out);
  else
    to_halves(byte, reinterpret_cast<uint16_t*>(out));
}

// Largest magnitude of padded values, as bits: those of not-a-number and infinity are larger than
// any other's.
SPL_INLINE int32_t largest_magnitude(const float* values, int padded) {
  IVec most = isplat(0);
  for (int c = 0; c < padded; c += W)
    most = imax(most, iand(iload(values + c), isplat(0x7fffffff)));
  return largest(most);
}

// Scales and their inverses of all places from their largest magnitudes; false where one is not
// finite. Side by side in vectors: divisions take long.
SPL_INLINE bool scales_of(const float* magnitudes, float unit, float* scales, float* inverses) {
  constexpr int32_t kInfinite = 0x7f800000;
  IVec most = isplat(0);
  for (int p = 0; p < kRounded; p += W) {
    most = imax(most, iload(magnitudes + p));
    const Vec m = max_or(load(magnitudes + p), splat(kLeast));
    store(scales + p, mul(div(m, splat(127.0f)), splat(unit)));
    store(inverses + p, div(splat(127.0f), m));
  }
  return largest(most) < kInfinite;
}

// As winograd_input_units, pixels read by `load_pixel`, scales times `unit`.
template <class Load>
SPL_INLINE bool input_units(Load load_pixel, int channels, float unit, float* room, void* out,
                            int64_t stride, float* scales, int64_t scale_stride) {
  constexpr int kBytes = 4 / kUnitChannels;  // per channel
  const int padded = (channels + kLanes - 1) / kLanes * kLanes;
  for (int c = 0; c < padded; c += W) {
    Vec t[kWinogradPositions];
    input_places<Once>(load_pixel, c, least(W, c < channels ? channels - c : 0), t);
#pragma GCC unroll 36
    for (int p = 0; p < kWinogradPositions; p++) store(room + p * padded + c, t[p]);
  }
  float magnitudes[kRounded] = {}, scale[kRounded], inverses[kRounded];
  for (int p = 0; p < kWinogradPositions; p++) {
    const int32_t bits = largest_magnitude(room + p * padded, padded);
    std::memcpy(magnitudes + p, &bits, sizeof bits);
  }
  const bool finite = scales_of(magnitudes, unit, scale, inverses);
  for (int p = 0; p < kWinogradPositions; p++) {
    scales[p * scale_stride] = scale[p];
    const Vec inverse = splat(inverses[p]);
    uint8_t* to = static_cast<uint8_t*>(out) + p * stride;
    const float* from = room + p * padded;
    int c = 0;
    if constexpr (kUnitChannels == 4)
      for (; c + 4 * W <= padded; c += 4 * W) {
        const IVec q[4] = {place_byte(load(from + c), inverse),
                           place_byte(load(from + c + W), inverse),
                           place_byte(load(from + c + 2 * W), inverse),
                           place_byte(load(from + c + 3 * W), inverse)};
        to_bytes4(q, to + c);
      }
    for (; c < padded; c += W) store_place(load(from + c), inverse, to + c * kBytes);
  }
  return finite;
}

// W bytes, of which the first `lanes` count and the others are `rest`.
SPL_INLINE IVec load_first_bytes(const uint8_t* p, int lanes, uint8_t rest) {
  if (lanes == W) return from_bytes(p);
  uint8_t block[W];
  std::memset(block, rest, sizeof block);
  std::memcpy(block, p, static_cast<size_t>(lanes));
  return from_bytes(block);
}

}  // namespace

bool winograd_input_units(const float* const* pixels, int channels, float* room, void* out,
                          int64_t stride, float* scales, int64_t scale_stride) {
  const auto pixel = [&](int i, int c, int lanes)
                         SPL_LAMBDA { return load_some(pixels[i] + c, lanes); };
  return input_units(pixel, channels, 1.0f, room, out, stride, scales, scale_stride);
}

void winograd_input_bytes(const uint8_t* const* pixels, const Quantization& code, int channels,
                          float* room, void* out, int64_t stride, float* scales,
                          int64_t scale_stride) {
  const uint8_t rest = static_cast<uint8_t>(code.zero);
  const auto pixel = [&](int i, int c, int lanes) SPL_LAMBDA {
    return less_zero(load_first_bytes(pixels[i] + c, lanes, rest), code);
  };
  input_units(pixel, channels, code.scale, room, out, stride, scales, scale_stride);
}

bool winograd_output_once(const float* sums, int64_t stride, int blocks, int side,
                          const SquareValues& to) {
  if (to.y.bytes == nullptr && to.residual.bytes == nullptr)
    return output_of_side<Once, false>(sums, stride, blocks, side, to);
  return output_of_side<Once, true>(sums, stride, blocks, side, to);
}

}  // namespace SPL_ISA
}  // namespace spl
