// Maximum over the places of a window, channel by channel.
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

}  // namespace

void max_places(const float* const* places, int count, int64_t channels, float* y) {
  if (channels < W) return largest_few(places, count, static_cast<int>(channels), y);
  int64_t c = 0;
  for (; c + kVectors * W <= channels; c += kVectors * W) largest<kVectors>(places, count, c, y);
  for (; c + W <= channels; c += W) largest<1>(places, count, c, y);
  if (c < channels) largest<1>(places, count, channels - W, y);  // overlaps: the same values again
}

}  // namespace SPL_ISA
}  // namespace spl
