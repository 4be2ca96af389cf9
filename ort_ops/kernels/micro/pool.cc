// Pooling, channel by channel: the maximum over the places of a window, the mean of an image.
#include <limits>

#include "kernels/micro/entry.h"
#include "kernels/micro/window.h"

namespace spl {
namespace SPL_ISA {
namespace {

constexpr int kVectors =
    4;  // in one walk over the places: enough to hide the latency of the maximum

template <int V>
SPL_INLINE void largest(const float* const* places, int count, int64_t channel, float* y) {
  Vec best[V];
  for (int v = 0; v < V; v++) best[v] = splat(-std::numeric_limits<float>::infinity());
  for (int i = 0; i < count; i++)
    for (int v = 0; v < V; v++) best[v] = max_or(load(places[i] + channel + v * W), best[v]);
  for (int v = 0; v < V; v++) store(y + channel + v * W, best[v]);
}

// Fewer channels than a vector has lanes.
SPL_INLINE void largest_few(const float* const* places, int count, int channels, float* y) {
  Vec best = splat(-std::numeric_limits<float>::infinity());
  for (int i = 0; i < count; i++) best = max_or(load_some(places[i], channels), best);
  store_some(best, y, channels);
}

constexpr int kBytes = static_cast<int>(sizeof(IVec));

template <int V>
SPL_INLINE void largest_bytes(const uint8_t* const* places, int count, int64_t channel,
                              uint8_t* y) {
  IVec best[V];
  for (int v = 0; v < V; v++) best[v] = isplat(0);
  for (int i = 0; i < count; i++)
    for (int v = 0; v < V; v++) best[v] = bmax(best[v], iload(places[i] + channel + v * kBytes));
  for (int v = 0; v < V; v++) istore(y + channel + v * kBytes, best[v]);
}

// Fewer channels than a vector has bytes.
SPL_INLINE void largest_few_bytes(const uint8_t* const* places, int count, int channels,
                                  uint8_t* y) {
  uint8_t best[kBytes] = {};
  for (int i = 0; i < count; i++)
    for (int c = 0; c < channels; c++) best[c] = places[i][c] > best[c] ? places[i][c] : best[c];
  std::memcpy(y, best, static_cast<size_t>(channels));
}

// `lanes` channels of V vectors; fewer than W only with one vector.
template <int V>
SPL_INLINE void mean(const float* x, int64_t height, int64_t width, int64_t channels, int lanes,
                     float* y) {
  Vec total[V];
  for (int v = 0; v < V; v++) total[v] = zero();
  for (int64_t h = 0; h < height; h++) {
    Vec row[V];
    for (int v = 0; v < V; v++) row[v] = zero();
    for (int64_t w = 0; w < width; w++, x += channels)
      for (int v = 0; v < V; v++) row[v] = add(row[v], load_some(x + v * W, lanes));
    for (int v = 0; v < V; v++) total[v] = add(total[v], row[v]);
  }
  const Vec pixels = splat(static_cast<float>(height * width));
  for (int v = 0; v < V; v++) store_some(div(total[v], pixels), y + v * W, lanes);
}

}  // namespace

void mean_pixels(const float* x, int64_t height, int64_t width, int64_t channels, float* y) {
  int64_t c = 0;
  for (; c + kVectors * W <= channels; c += kVectors * W)
    mean<kVectors>(x + c, height, width, channels, W, y + c);
  for (; c < channels; c += W)
    mean<1>(x + c, height, width, channels, static_cast<int>(least<int64_t>(W, channels - c)),
            y + c);
}

void max_places(const float* const* places, int count, int64_t channels, float* y) {
  if (channels < W) return largest_few(places, count, static_cast<int>(channels), y);
  int64_t c = 0;
  for (; c + kVectors * W <= channels; c += kVectors * W) largest<kVectors>(places, count, c, y);
  for (; c + W <= channels; c += W) largest<1>(places, count, c, y);
  if (c < channels) largest<1>(places, count, channels - W, y);  // overlaps: the same values again
}

void max_bytes(const uint8_t* const* places, int count, int64_t channels, uint8_t* y) {
  if (channels < kBytes) return largest_few_bytes(places, count, static_cast<int>(channels), y);
  int64_t c = 0;
  for (; c + kVectors * kBytes <= channels; c += kVectors * kBytes)
    largest_bytes<kVectors>(places, count, c, y);
  for (; c + kBytes <= channels; c += kBytes) largest_bytes<1>(places, count, c, y);
  if (c < channels) largest_bytes<1>(places, count, channels - kBytes, y);  // overlaps
}

void mean_bytes(const uint8_t* x, int64_t pixels, int64_t channels, const Quantization& code,
                float* y) {
  const Vec share = splat(code.scale / static_cast<float>(pixels));
  const IVec zeros = isplat(static_cast<int32_t>(pixels) * static_cast<int32_t>(code.zero));
  for (int64_t c = 0; c < channels; c += W) {
    const int lanes = static_cast<int>(least<int64_t>(W, channels - c));
    IVec total = isplat(0);
    for (int64_t p = 0; p < pixels; p++)
      total = iadd(total, load_codes(x + p * channels + c, lanes));
    store_some(mul(to_float(isub(total, zeros)), share), y + c, lanes);
  }
}

}  // namespace SPL_ISA
}  // namespace spl
