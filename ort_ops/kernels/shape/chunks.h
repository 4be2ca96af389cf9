// How the patch of an output (kH x kW x channels) is cut into chunks along K, and how the input of
// a tile is laid out for one chunk. Fixed by the weights and attributes alone, because the weights
// are packed in the same order.
//
//   halo   the input rectangle under the tile, `step` channels at a time: each value is copied once
//          and serves all taps. For kernels larger than 1 x 1 with enough channels.
//   rows   the input rectangle as it is, pixel after pixel: a kernel row of a patch (kW pixels x
//   all
//          channels) is one piece of memory. For few channels and strides that leave little out.
//   patch  the patch of each slot, `step` elements at a time (im2col). For 1 x 1 kernels, where
//          nothing is duplicated, and for strides and dilations with which taps share little.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/ceil_div.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"

namespace spl {

struct ChunkPlan {
  bool halo = false, rows = false;  // neither = patch
  bool three_rows = false;  // a 3 x 3 halo with stride 1 across: packed rows of kTilePitch places
  int taps = 1;             // of one chunk: kH * kW for halo, kH for rows, 1 for patches
  int64_t total = 0;        // to cut: channels of a group, kW * channels for rows, K for patches
  int step = 0;             // of total, per chunk
  int chunks = 0;

  int depth(int chunk) const {
    const int64_t left = total - static_cast<int64_t>(chunk) * step;
    return static_cast<int>(left < step ? left : step);
  }
  // Elements between places of the packed input: whole lane blocks.
  int row() const { return static_cast<int>(ceil_div(step, kLanes) * kLanes); }
  // Index in a filter [kH * kW * Cg] of channel or element `c` of tap `tap` of chunk `chunk`.
  int64_t source(int chunk, int tap, int c, int64_t channels) const {
    const int64_t at = static_cast<int64_t>(chunk) * step + c;
    return halo ? tap * channels + at : tap * total + at;
  }
};

// `halo_step` and `patch_step` are the largest steps the caller wants; steps are evened out and
// kept multiples of `multiple`. `rows`: the caller's kernels read single elements, so rows will do.
ChunkPlan make_chunks(const ConvShape& shape, int halo_step, int patch_step, int multiple,
                      bool rows);

}  // namespace spl
