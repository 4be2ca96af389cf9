#include "kernels/srmm/winograd/winograd.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/ceil_div.h"

namespace spl {
namespace {

constexpr int kBlock = 4;        // lane blocks of outputs multiplied at a time
constexpr double kNear = 10000;  // lane blocks of weights that stay in the second-level cache
constexpr int64_t kLeastChannels = 8, kLeastOutputs = 8;

}  // namespace

std::vector<int> winograd_blocks(int64_t lane_blocks) {
  int64_t count = ceil_div(lane_blocks, kBlock);
  if (count > 1) count += count % 2;
  std::vector<int> lanes;
  for (int64_t b = 0; b < count; b++)
    lanes.push_back(static_cast<int>(lane_blocks * (b + 1) / count - lane_blocks * b / count));
  return lanes;
}

bool winograd_suits(const ConvShape& s) {
  const ConvAttributes& at = s.at;
  return s.kH == s.kW && s.kH >= 2 && s.kH <= 5 && at.strides[0] == 1 && at.strides[1] == 1 &&
         at.dilations[0] == 1 && at.dilations[1] == 1 && s.Cg >= kLeastChannels &&
         s.Og() >= kLeastOutputs;
}

bool winograd_weights_near(const ConvShape& s) {
  return static_cast<double>(kWinogradPositions * s.Cg * ceil_div(s.Og(), kLanes)) <= kNear;
}

WinogradWeights::WinogradWeights(const ConvShape& shape, const WeightMatrix& w,
                                 const MicroKernels& micro)
    : channels_(shape.Cg), lane_blocks_(ceil_div(shape.Og(), kLanes)) {
  lanes_ = winograd_blocks(lane_blocks_);
  for (int64_t first = 0, b = 0; b < blocks(); first += lanes_[b++]) first_lane_.push_back(first);
  const size_t size =
      checked_size({shape.at.group, lane_blocks_ * kLanes, channels_, kWinogradPositions});
  base_ = data_.get<float>(size);
  std::memset(base_, 0, size * sizeof(float));
  std::vector<float> room(static_cast<size_t>(shape.K()));
  std::vector<double> places(static_cast<size_t>(kWinogradPositions * channels_));
  double most[kWinogradPositions];
  for (int64_t g = 0; g < shape.at.group; g++)
    for (int b = 0; b < blocks(); b++) {
      const int64_t width = lanes_[b] * kLanes, first = first_output(b);
      float* to = const_cast<float*>(place(g, b, 0));
      for (int64_t o = 0; o < std::min(width, shape.Og() - first); o++) {
        const float* row = w.row(g * shape.Og() + first + o, shape.K(), room.data());
        micro.winograd_weights(row, static_cast<int>(shape.kH), static_cast<int>(channels_),
                               places.data(), most);
        for (size_t i = 0; i < places.size(); i++)
          to[static_cast<int64_t>(i) * width + o] = static_cast<float>(places[i]);
      }
    }
}

Tiling winograd_tiling(const ConvShape& shape, int64_t most_squares) {
  const int64_t side = winograd_side(shape);
  auto squares = [&](int axis, int64_t pooled) {
    const int64_t size = axis == 0 ? shape.oH : shape.oW;
    const int64_t reach = (pooled - 1) * shape.at.pool_strides[axis] + shape.at.pool_kernel[axis];
    return ceil_div(std::min(size, reach), side);
  };
  int64_t high = 1, wide = 1, least = INT64_MAX;
  // Equal parts in both directions; of equally good ones the first, which has the fewest tiles.
  for (int64_t across = 1; across <= shape.pW; across++) {
    const int64_t w = ceil_div(shape.pW, across), columns = squares(1, w);
    if (least < INT64_MAX && columns * across * squares(0, shape.pH) >= least) break;
    for (int64_t down = 1; down <= shape.pH; down++) {
      const int64_t h = ceil_div(shape.pH, down), rows = squares(0, h);
      const bool fits = rows * columns <= most_squares || (h == 1 && w == 1);
      const int64_t total = down * across * rows * columns;
      if (fits && total < least) least = total, high = h, wide = w;
    }
  }
  return Tiling::of(shape, high, wide);
}

WinogradInput::WinogradInput(const ConvShape& shape, const Tile& tile, int64_t group,
                             const MicroKernels& micro)
    : shape_(shape), tile_(tile), group_(group), micro_(micro), side_(winograd_side(shape)) {
  high_ = static_cast<int>(ceil_div(tile.rows, side_));
  wide_ = static_cast<int>(ceil_div(tile.columns, side_));
  pitch_ = ceil_div(shape.Cg, kLanes) * kLanes;
  // A lane block more, or the places of a square would fall into few sets of the cache.
  stride_ = squares() * pitch_ + kLanes;
  Scratch& scratch = thread_scratch();
  data_ = scratch.values.get<float>(checked_size({kWinogradPositions, stride_}));
  zeros_ = scratch.rows.get<float>(static_cast<size_t>(pitch_));
  std::memset(zeros_, 0, static_cast<size_t>(pitch_) * sizeof(float));
  slot_offset_ = scratch.slots.get<int64_t>(static_cast<size_t>(squares()));
  for (int s = 0; s < squares(); s++) slot_offset_[s] = s * pitch_ * 4;
}

bool WinogradInput::transform_row(const SrmmInputs& in, int row) const {
  const float* image = in.x + tile_.n * shape_.H * shape_.W * shape_.C + group_ * shape_.Cg;
  const float* pixels[kWinogradPositions];
  const int64_t y0 = tile_.cy0 + row * side_ - shape_.at.pads[0];
  for (int s = 0; s < wide_; s++) {
    winograd_pixels(shape_, image, y0, tile_.cx0 + s * side_ - shape_.at.pads[1], zeros_, pixels);
    micro_.winograd_input(pixels, static_cast<int>(shape_.Cg),
                          data_ + (static_cast<int64_t>(row) * wide_ + s) * pitch_, stride_);
  }
  return true;
}

TileView WinogradInput::view(int place) const {
  static const int64_t no_offset = 0;
  return {reinterpret_cast<const char*>(data_ + place * stride_), slot_offset_, &no_offset, 1};
}

}  // namespace spl
