// SRMM with all outputs computed by Winograd's convolution in 8 bits.
#include <algorithm>
#include <cstring>

#include "kernels/base/ceil_div.h"
#include "kernels/srmm/winograd/winograd_int8.h"

namespace spl {
namespace {

// Squares of a tile: what they make of a block of outputs, 36 floats an output, stays in the
// second-level cache beside the weights.
constexpr int64_t kMostSquares = 64;

// Whether a square fits between two windows of pooling: what it holds must not matter.
bool squares_between_windows(const ConvShape& shape) {
  const ConvAttributes& at = shape.at;
  const int64_t side = winograd_side(shape);
  return at.pool_strides[0] - at.pool_kernel[0] >= side ||
         at.pool_strides[1] - at.pool_kernel[1] >= side;
}

}  // namespace

Tiling WinogradInt8::tiling(const ConvShape& shape) {
  if (squares_between_windows(shape)) return Tiling::exactly(shape, 1, 1);
  if (shape.pooled()) return winograd_tiling(shape, kMostSquares);
  const int64_t side = winograd_side(shape);
  const int64_t high = ceil_div(shape.oH, side), wide = ceil_div(shape.oW, side);
  const int64_t columns = ceil_div(wide, ceil_div(wide, kMostSquares));
  const int64_t most = std::max<int64_t>(1, kMostSquares / columns);
  const int64_t rows = ceil_div(high, ceil_div(high, most));
  return Tiling::exactly(shape, rows * side, columns * side);
}

Tile WinogradInt8::first_square(const ConvShape& shape, const Tile& tile) {
  const int64_t side = winograd_side(shape), up = tile.cy0 % side, left = tile.cx0 % side;
  Tile whole = tile;
  whole.cy0 -= up, whole.cx0 -= left;
  whole.rows += static_cast<int>(up), whole.columns += static_cast<int>(left);
  return whole;
}

WinogradInt8Input::WinogradInt8Input(const ConvShape& shape, const Tile& tile, int64_t group,
                                     const MicroKernels& micro)
    : shape_(shape), tile_(tile), group_(group), micro_(micro), side_(winograd_side(shape)) {
  high_ = static_cast<int>(ceil_div(tile.rows, side_));
  wide_ = static_cast<int>(ceil_div(tile.columns, side_));
  units_ = static_cast<int>(ceil_div(shape.Cg, micro.unit_channels));
  const int64_t channels = ceil_div(shape.Cg, kLanes) * kLanes;
  pitch_ = channels * 4 / micro.unit_channels;
  // A cache line more, or the places of a square would fall into few sets of the cache.
  stride_ = squares() * pitch_ + 64;
  Scratch& scratch = thread_scratch();
  data_ = scratch.input.get<char>(checked_size({kWinogradPositions, stride_}));
  scales_ = scratch.values.get<float>(static_cast<size_t>(kWinogradPositions * squares()));
  zeros_ = scratch.rows.get<char>(static_cast<size_t>(channels) * sizeof(float));
  std::memset(zeros_, 0, static_cast<size_t>(channels) * sizeof(float));
  slot_offset_ = scratch.slots.get<int64_t>(static_cast<size_t>(squares()));
  for (int s = 0; s < squares(); s++) slot_offset_[s] = s * pitch_;
}

// transform(pixels, room, output, scales) of every square of a row.
template <class T, class Transform>
bool WinogradInt8Input::each_square(const T* x, int row, const T* padding,
                                    Transform transform) const {
  const T* image = x + tile_.n * shape_.H * shape_.W * shape_.C + group_ * shape_.Cg;
  const T* pixels[kWinogradPositions];
  const int64_t y0 = tile_.cy0 + row * side_ - shape_.at.pads[0];
  // Of the thread that runs: rows may be done side by side.
  float* room = thread_scratch().winograd.get<float>(
      static_cast<size_t>(kWinogradPositions * ceil_div(shape_.Cg, kLanes) * kLanes));
  bool finite = true;
  for (int s = 0; s < wide_; s++) {
    const int64_t square = static_cast<int64_t>(row) * wide_ + s;
    winograd_pixels(shape_, image, y0, tile_.cx0 + s * side_ - shape_.at.pads[1], padding, pixels);
    finite &= transform(pixels, room, data_ + square * pitch_, scales_ + square);
  }
  return finite;
}

bool WinogradInt8Input::transform_row(const SrmmInputs& in, int row) const {
  const int channels = static_cast<int>(shape_.Cg);
  if (in.x_bytes == nullptr)
    return each_square(in.x, row, reinterpret_cast<const float*>(zeros_),
                       [&](const float* const* pixels, float* room, char* out, float* scales) {
                         return micro_.winograd_input_units(pixels, channels, room, out, stride_,
                                                            scales, squares());
                       });
  const Quantization code{in.x_scale[0], 1.0f / in.x_scale[0], in.x_scale[1]};
  const std::vector<uint8_t> padding(static_cast<size_t>(channels),
                                     static_cast<uint8_t>(code.zero));
  return each_square(in.x_bytes, row, padding.data(),
                     [&](const uint8_t* const* pixels, float* room, char* out, float* scales) {
                       micro_.winograd_input_bytes(pixels, code, channels, room, out, stride_,
                                                   scales, squares());
                       return true;
                     });
}

TileView WinogradInt8Input::view(int place) const {
  static const int64_t no_offset = 0;
  return {data_ + place * stride_, slot_offset_, &no_offset, 1};
}

WinogradInt8::WinogradInt8(const SrmmLayer& layer)
    : units_(static_cast<int>(ceil_div(layer.shape.Cg, layer.micro.unit_channels))),
      lane_blocks_(ceil_div(layer.shape.Og(), kLanes)),
      lanes_(winograd_blocks(lane_blocks_)) {
  for (int64_t first = 0, b = 0; b < blocks(); first += lanes_[b++]) first_lane_.push_back(first);
  const ConvShape& shape = layer.shape;
  const size_t sums = checked_size({shape.at.group, lane_blocks_ * kLanes, kWinogradPositions});
  const size_t size = checked_size({static_cast<int64_t>(sums), units_, 4});
  scale_.assign(sums, 0.0f);
  begin_.assign(sums, 0);
  base_ = data_.get<char>(size);
  std::memset(base_, 0, size);
  Room room(shape);
  for (int64_t g = 0; g < shape.at.group; g++)
    for (int b = 0; b < blocks(); b++)
      for (int lane = 0; lane < lanes_[b] * kLanes; lane += kLanes) pack(layer, g, b, lane, &room);
}

WinogradInt8::Room::Room(const ConvShape& shape)
    : row(static_cast<size_t>(shape.K())),
      places(static_cast<size_t>(kWinogradPositions * shape.Cg)),
      levels(static_cast<size_t>(kLanes * kWinogradPositions * shape.Cg)) {}

void WinogradInt8::pack(const SrmmLayer& layer, int64_t group, int block, int lane, Room* room) {
  const ConvShape& shape = layer.shape;
  const int channels = static_cast<int>(shape.Cg);
  const int64_t first = first_output(block) + lane;
  const int count = static_cast<int>(std::clamp<int64_t>(shape.Og() - first, 0, kLanes));
  for (int i = 0; i < count; i++) {
    double most[kWinogradPositions];
    const float* row = layer.w.row(group * shape.Og() + first + i, shape.K(), room->row.data());
    layer.micro.winograd_weights(row, static_cast<int>(shape.kH), channels, room->places.data(),
                                 most);
    for (int64_t p = 0; p < kWinogradPositions; p++) {
      const double largest = std::max(most[p], 1e-30);
      const int64_t at = first_sum(group, block, static_cast<int>(p)) + lane + i;
      const int32_t sum = layer.micro.winograd_levels(
          room->places.data() + p * channels, channels, largest,
          room->levels.data() + (i * kWinogradPositions + p) * channels);
      scale_[at] = static_cast<float>(largest / 127);
      begin_[at] = -128 * sum;
    }
  }
  for (int64_t p = 0; p < kWinogradPositions; p++)
    layer.micro.pack_units(
        room->levels.data() + p * channels, int64_t{kWinogradPositions} * channels, count, channels,
        base_ + (first_sum(group, block, static_cast<int>(p)) * units_ + lane) * 4,
        int64_t{lanes_[block]} * kLanes * 4);
}

void WinogradInt8::multiply(const MicroKernels& micro, const Input& input, int64_t group,
                            const winograd::Part& part, float* sums, int64_t stride) const {
  const int blocks = lanes_[part.block], width = blocks * kLanes;
  for (int p = 0; p < kWinogradPositions; p++) {
    const int64_t at = first_sum(group, part.block, p);
    const char* weights = base_ + at * units_ * 4;
    // The weights of the next place: for a few squares, fetching them takes as long as the rest.
    const Prefetch next{weights + static_cast<int64_t>(width) * units_ * 4, units_ * blocks};
    TileView view = input.view(p);
    view.slot_offset += part.row * input.wide();
    micro.dense_units_scaled(view, units_, weights, blocks, part.rows * input.wide(),
                             {begin_.data() + at, scale_.data() + at,
                              input.scales(p) + part.row * input.wide(), sums + p * stride, width},
                             next);
  }
}

std::unique_ptr<SrmmAlgorithm> make_winograd_int8(const SrmmLayer& layer) {
  return std::make_unique<winograd::WinogradAlgorithm<WinogradInt8>>(layer);
}

}  // namespace spl
