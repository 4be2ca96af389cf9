// Weights of Winograd's convolution: the transform in float64, eight channels at a time, and their
// quantisation. Each lane goes the same way on every processor, so all give the same bits.
#include <cstring>

#include "kernels/micro/entry.h"
#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {
namespace {

constexpr int kAtOnce = 8, kSide = kWinogradSide;
typedef float Floats8 __attribute__((vector_size(kAtOnce * sizeof(float))));
typedef double Doubles8 __attribute__((vector_size(kAtOnce * sizeof(double))));

// u = G g for values `step` apart, kernels of kSize values.
template <int kSize>
SPL_INLINE void to_points(const Doubles8* g, int g_step, Doubles8* u, int u_step) {
  constexpr double a = kWinogradA, b = kWinogradB;
  constexpr double points[5] = {0, a, -a, b, -b};
  constexpr double norm_a = 2 * a * a * (a * a - b * b), norm_b = 2 * b * b * (b * b - a * a);
  constexpr double norms[5] = {a * a * b * b, norm_a, norm_a, norm_b, norm_b};
  for (int i = 0; i < 5; i++) {
    Doubles8 sum = {};
    for (int k = kSize - 1; k >= 0; k--) sum = sum * points[i] + g[k * g_step];
    u[i * u_step] = sum / norms[i];
  }
  u[5 * u_step] = g[(kSize - 1) * g_step];
}

// Eight channels: weights of a tap at g + tap * channels, places at u + place * channels.
template <int kSize>
SPL_INLINE void transform(const float* g, int64_t channels, double* u, Doubles8* most) {
  Doubles8 taps[kSize * kSize], half[kSide * kSize], places[kWinogradPositions];
  for (int t = 0; t < kSize * kSize; t++) {
    Floats8 read;
    std::memcpy(&read, g + t * channels, sizeof read);
    taps[t] = __builtin_convertvector(read, Doubles8);
  }
  for (int x = 0; x < kSize; x++) to_points<kSize>(taps + x, kSize, half + x, kSize);
  for (int i = 0; i < kSide; i++) to_points<kSize>(half + i * kSize, 1, places + i * kSide, 1);
  for (int p = 0; p < kWinogradPositions; p++) {
    std::memcpy(u + p * channels, &places[p], sizeof places[p]);
    const Doubles8 size = places[p] < 0 ? -places[p] : places[p];
    most[p] = size > most[p] ? size : most[p];
  }
}

template <int kSize>
SPL_INLINE void transform_all(const float* g, int channels, double* u, Doubles8* most) {
  int c = 0;
  for (; c + kAtOnce <= channels; c += kAtOnce) transform<kSize>(g + c, channels, u + c, most);
  if (c == channels) return;
  c = channels - kAtOnce;  // once more what was done, and the rest
  transform<kSize>(g + c, channels, u + c, most);
}

}  // namespace

void winograd_weights(const float* g, int size, int channels, double* u, double* most) {
  Doubles8 largest[kWinogradPositions] = {};
  switch (size) {
    case 2:
      transform_all<2>(g, channels, u, largest);
      break;
    case 3:
      transform_all<3>(g, channels, u, largest);
      break;
    case 4:
      transform_all<4>(g, channels, u, largest);
      break;
    default:
      transform_all<5>(g, channels, u, largest);
  }
  for (int p = 0; p < kWinogradPositions; p++) {
    most[p] = 0;
    for (int i = 0; i < kAtOnce; i++) most[p] = largest[p][i] > most[p] ? largest[p][i] : most[p];
  }
}

int32_t winograd_levels(const double* u, int n, double most, int8_t* out) {
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: its last bits are those of the level
  for (int i = 0; i < n; i++) {
    const double shifted = u[i] / most * 127 + kRound;
    int64_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    out[i] = static_cast<int8_t>(bits);
  }
  int32_t sum = 0;
  for (int i = 0; i < n; i++) sum += out[i];
  return sum;
}

}  // namespace SPL_ISA
}  // namespace spl
