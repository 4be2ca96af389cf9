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

// The compiler makes vectors of it: bytes that fit one, of all places, before the next.
void max_bytes(const uint8_t* const* places, int count, int64_t channels, uint8_t* y) {
  constexpr int kTogether = 64;
  for (int64_t c = 0; c < channels; c += kTogether) {
    const int n = static_cast<int>(least<int64_t>(kTogether, channels - c));
    uint8_t best[kTogether] = {};
    for (int i = 0; i < count; i++) {
      const uint8_t* from = places[i] + c;
      if (n == kTogether) {
        for (int k = 0; k < kTogether; k++) best[k] = from[k] > best[k] ? from[k] : best[k];
      } else {
        for (int k = 0; k < n; k++) best[k] = from[k] > best[k] ? from[k] : best[k];
      }
    }
    std::memcpy(y + c, best, static_cast<size_t>(n));
  }
}

}  // namespace SPL_ISA
}  // namespace spl
