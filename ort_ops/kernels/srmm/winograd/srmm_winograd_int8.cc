// SRMM with all outputs computed by Winograd's convolution in 8 bits.
#include <algorithm>
#include <cmath>
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
  std::vector<double> room(static_cast<size_t>(kWinogradPositions * shape.Cg));
  for (int64_t o = 0; o < shape.O; o++) {
    const int64_t group = o / shape.Og(), in_group = o % shape.Og();
    int block = blocks() - 1;
    while (first_output(block) > in_group) block--;
    const int64_t width = static_cast<int64_t>(lanes_[block]) * kLanes;
    const int64_t lane = in_group - first_output(block), at = first_sum(group, block, 0);
    quantize(layer, o, base_ + (at * units_ + lane) * 4, width * 4, width * units_ * 4, at + lane,
             &room);
  }
}

// Transformed weights of one output: those of place p at weights + p * place_stride, its scale and
// the start of its sums at index at + p * width.
void WinogradInt8::quantize(const SrmmLayer& layer, int64_t output, char* weights,
                            int64_t unit_stride, int64_t place_stride, int64_t at,
                            std::vector<double>* room) {
  const ConvShape& shape = layer.shape;
  const int64_t channels = shape.Cg, width = unit_stride / 4;
  std::vector<double>& u = *room;
  for (int64_t c = 0; c < channels; c++) {
    double g[25], places[kWinogradPositions];
    for (int64_t t = 0; t < shape.taps(); t++) g[t] = layer.w.value(output, t * channels + c);
    winograd_weights(g, static_cast<int>(shape.kH), places);
    for (int p = 0; p < kWinogradPositions; p++) u[p * channels + c] = places[p];
  }
  std::vector<int8_t> row(checked_size({channels}));
  for (int p = 0; p < kWinogradPositions; p++) {
    double most = 1e-30;
    for (int64_t c = 0; c < channels; c++) most = std::max(most, std::fabs(u[p * channels + c]));
    int32_t sum = 0;
    for (int64_t c = 0; c < channels; c++) {
      row[c] = static_cast<int8_t>(std::nearbyint(u[p * channels + c] / most * 127));
      sum += row[c];
    }
    layer.micro.pack_units(row.data(), static_cast<int>(channels), weights + p * place_stride,
                           unit_stride);
    scale_[at + p * width] = static_cast<float>(most / 127);
    begin_[at + p * width] = -128 * sum;
  }
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
