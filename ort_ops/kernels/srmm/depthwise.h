// What convolutions share in which every output sees its own channel only: how they are cut into
// units of work, and the passes behind their sums. In float32 and in 8 bits.
#pragma once

#include <algorithm>

#include "kernels/base/ceil_div.h"
#include "kernels/shape/tiles.h"
#include "kernels/srmm/epilogue.h"
#include "kernels/srmm/selection.h"

namespace spl {

constexpr int64_t kDepthwiseStep = 64;  // channels, of which vectors become values together

// Channels [first, first + count) of a tile, in `width` lanes.
struct DepthwiseUnit {
  Tile tile;
  int64_t first, count, width;
};

// Channels of a unit of work: about equally many, at most `most`, a multiple of kDepthwiseStep.
inline int64_t depthwise_channels(const ConvShape& shape, int64_t most) {
  return ceil_div(ceil_div(shape.C, ceil_div(shape.C, most)), kDepthwiseStep) * kDepthwiseStep;
}

// Packed weights [channels of a unit][tap][lane] of 4 bytes: where those of a unit begin, in bytes.
inline int64_t depthwise_weights(int64_t first_channel, int64_t taps) {
  return first_channel * 4 * taps;
}

// fn(unit) -> Status for all units, of `channels` channels each.
template <class F>
Status run_depthwise(const EpilogueTarget& target, int64_t channels, const Parallel& parallel,
                     F&& fn) {
  constexpr int kColumns = 28, kSlots = 224, kPooledSlots = 900;
  const ConvShape& shape = target.shape;
  const Tiling tiling(shape, windows_overlap(shape.at) ? kPooledSlots : kSlots, kColumns);
  const int64_t ranges = ceil_div(shape.C, channels), tiles = shape.N * tiling.per_image();
  return run_all(parallel, static_cast<size_t>(tiles * ranges), [&](size_t i) {
    const int64_t at = static_cast<int64_t>(i), first = at % ranges * channels;
    const int64_t count = std::min(channels, shape.C - first);
    const DepthwiseUnit unit{tiling.tile(at / ranges), first, count,
                             ceil_div(count, kLanes) * kLanes};
    if (unit.tile.rows == 0) return Status();
    if (target.s != nullptr) {
      Status bad = check_codes(shape, target.micro, unit.tile, target.s, first, first + count);
      if (!bad.empty()) return bad;
    }
    return fn(unit);
  });
}

// The input under a tile in one direction: places, of which [begin, end) are in the image; `from`
// is the place of the image that `begin` is.
struct DepthwiseSpan {
  int64_t places, begin, end, from;

  // axis: 0 = down, 1 = right.
  static DepthwiseSpan of(const ConvShape& shape, int axis, int64_t output, int64_t outputs) {
    const ConvAttributes& at = shape.at;
    const int64_t kernel = axis == 0 ? shape.kH : shape.kW, size = axis == 0 ? shape.H : shape.W;
    const int64_t places = (outputs - 1) * at.strides[axis] + (kernel - 1) * at.dilations[axis] + 1;
    const int64_t first = output * at.strides[axis] - at.pads[axis];
    const int64_t begin = std::clamp<int64_t>(-first, 0, places);
    const int64_t end = std::clamp<int64_t>(size - first, begin, places);
    return {places, begin, end, first + begin};
  }
};

// From float sums [slots][width] of a unit to values, where they are pooled, selected or fill no
// vectors.
inline void finish_depthwise(const EpilogueTarget& target, const DepthwiseUnit& unit,
                             const float* sums) {
  for (int64_t c = 0; c < unit.count; c += kDepthwiseStep)
    epilogue(target, unit.tile,
             {reinterpret_cast<const char*>(sums + c), unit.width * 4, unit.tile.columns},
             unit.first + c, std::min(kDepthwiseStep, unit.count - c));
}

// Index of the values of row `row` of a unit in [N, oH, oW, O].
inline int64_t depthwise_row(const ConvShape& shape, const DepthwiseUnit& unit, int64_t row) {
  const Tile& tile = unit.tile;
  const int64_t pixel = (tile.n * shape.oH + tile.cy0 + row) * shape.oW + tile.cx0;
  return pixel * shape.O + unit.first;
}

}  // namespace spl
