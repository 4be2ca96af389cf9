#include "kernels/zero_skip.h"

#include <algorithm>
#include <cstring>

namespace spl {
namespace {

// Weights of one chunk and kernel row stay in the first-level cache beside the values.
constexpr int kWeightBytes = 24 << 10;

bool can_slide(const ConvShape& shape) {
  return shape.kW == 3 && shape.at.strides[1] == 1 && shape.at.dilations[1] == 1;
}

}  // namespace

void ZeroSkipWeights::layout(const ConvShape& shape, const MicroKernels& micro) {
  elements_ = (shape.Cg + per_element_ - 1) / per_element_;
  kH_ = shape.kH, kW_ = shape.kW;
  slides_ = can_slide(shape);
  const int most = slides_ ? micro.slide_blocks : micro.tap_blocks;
  const int total = static_cast<int>((shape.Og() + kLanes - 1) / kLanes);
  const int count = (total + most - 1) / most;
  for (int b = 0; b < count; b++) {
    first_lane_.push_back(total * b / count);
    lanes_.push_back(total * (b + 1) / count - total * b / count);
  }
  widest_ = *std::max_element(lanes_.begin(), lanes_.end());
  const int fits = kWeightBytes / static_cast<int>((slides_ ? kW_ : 1) * widest_ * kLanes * 4);
  step_ = std::clamp(fits / 16 * 16, 16, kMaxMask);
  group_bytes_ = static_cast<int64_t>(total) * kLanes * 4 * elements_ * kH_ * kW_;
  const size_t size = static_cast<size_t>(group_bytes_ * shape.at.group);
  base_ = data_.get<char>(size);
  std::memset(base_, 0, size);
}

ZeroSkipWeights::ZeroSkipWeights(const ConvShape& shape, const float* w, const MicroKernels& micro)
    : per_element_(1) {
  layout(shape, micro);
  for (int64_t g = 0; g < shape.at.group; g++)
    for (int b = 0; b < blocks(); b++)
      for (int64_t c = 0; c < elements_; c++)
        for (int64_t ky = 0; ky < kH_; ky++) {
          const int64_t width = lanes_[b] * kLanes;
          const int64_t real = std::min(width, shape.Og() - first_output(b));
          float* to = reinterpret_cast<float*>(at(g, b, c, ky));
          const float* from = w + ((g * shape.Og() + first_output(b)) * kH_ + ky) * kW_ * shape.Cg;
          for (int64_t kx = 0; kx < kW_; kx++, to += width)
            for (int64_t o = 0; o < real; o++) to[o] = from[o * shape.K() + kx * shape.Cg + c];
        }
}

ZeroSkipWeights::ZeroSkipWeights(const ConvShape& shape, const int8_t* w,
                                 const MicroKernels& micro)
    : per_element_(micro.unit_channels) {
  layout(shape, micro);
  for (int64_t o = 0; o < shape.O; o++) {
    const int64_t g = o / shape.Og(), in_group = o % shape.Og();
    int b = blocks() - 1;
    while (first_output(b) > in_group) b--;
    const int64_t width = lanes_[b] * kLanes * 4;
    for (int64_t tap = 0; tap < kH_ * kW_; tap++)
      for (int64_t e = 0; e < elements_; e++) {
        const int64_t c = e * per_element_;
        const int channels = static_cast<int>(std::min<int64_t>(per_element_, shape.Cg - c));
        micro.pack_units(w + o * shape.K() + tap * shape.Cg + c, channels,
                         at(g, b, e, tap / kW_) + tap % kW_ * width + (in_group - first_output(b)) * 4,
                         0);
      }
  }
}

int ZeroSkipWeights::depth(int chunk) const {
  return static_cast<int>(std::min<int64_t>(step_, elements_ - static_cast<int64_t>(chunk) * step_));
}

const char* ZeroSkipWeights::row(int64_t group, int block, int chunk, int64_t ky,
                                 int64_t* bytes) const {
  *bytes = depth(chunk) * kW_ * lanes_[block] * kLanes * 4;
  return at(group, block, static_cast<int64_t>(chunk) * step_, ky);
}

char* ZeroSkipWeights::at(int64_t group, int block, int64_t element, int64_t ky) const {
  const int64_t chunk = element / step_, width = lanes_[block] * kLanes * 4;
  const int64_t before = kH_ * kW_ * (first_lane_[block] * kLanes * 4 * elements_ +
                                      width * chunk * step_);
  const int64_t in_chunk = ky * depth(static_cast<int>(chunk)) + element % step_;
  return base_ + group * group_bytes_ + before + in_chunk * kW_ * width;
}

namespace {

// slide(row, weights, sums, next) and tap(row, walk, weights, channel stride, sums) are the micro kernels of
// the element type.
template <class Sum, class SlideFn, class TapFn>
void add_rows(const ConvShape& shape, const SparseImage& image, const ZeroSkipWeights& weights,
              const MicroKernels& micro, const RowRange& range, Sum* sums, SlideFn slide, TapFn tap) {
  const int64_t width = weights.lane_blocks(range.block) * kLanes;
  const int64_t pitch = zero_skip_pitch(shape) * width;
  for (int q = 0; q < image.chunks(); q++)
    for (int64_t ky = 0; ky < shape.kH; ky++) {
      int64_t bytes;
      const char* w = weights.row(range.group, range.block, q, ky, &bytes);
      for (int64_t r = 0; r < range.rows; r++) {
        const int64_t y =
            (range.y0 + r) * shape.at.strides[0] + ky * shape.at.dilations[0] - shape.at.pads[0];
        if (y < 0 || y >= shape.H) continue;
        const SparseRow row = image.row(y, q);
        // The next weights come in while this row is worked on.
        const Prefetch next{w + bytes + bytes * r / range.rows,
                            static_cast<int>((bytes / range.rows + 63) / 64)};
        if (weights.slides()) {
          slide(row, w, sums + r * pitch, next);
          continue;
        }
        micro.prefetch(next);
        for (int64_t kx = 0; kx < shape.kW; kx++)
          tap(row,
              TapWalk{static_cast<int>(kx * shape.at.dilations[1]),
                      static_cast<int>(shape.at.strides[1]), static_cast<int>(shape.oW)},
              w + kx * width * 4, shape.kW * width, sums + r * pitch);
      }
    }
}

}  // namespace

void zero_skip_rows(const ConvShape& shape, const SparseImage& image,
                    const ZeroSkipWeights& weights, const MicroKernels& micro,
                    const RowRange& range, const float* bias, float* sums) {
  const int blocks = weights.lane_blocks(range.block);
  const int64_t width = blocks * kLanes;
  for (int64_t i = 0; i < range.rows * zero_skip_pitch(shape); i++)
    std::memcpy(sums + (i - 2) * width, bias, static_cast<size_t>(width) * sizeof(float));
  add_rows(
      shape, image, weights, micro, range, sums,
      [&](const SparseRow& row, const char* w, float* to, const Prefetch& next) {
        micro.slide_row(row, image.columns(), reinterpret_cast<const float*>(w), blocks, to, next);
      },
      [&](const SparseRow& row, const TapWalk& walk, const char* w, int64_t stride, float* to) {
        micro.tap_row(row, walk, reinterpret_cast<const float*>(w), stride, blocks, to);
      });
}

void zero_skip_rows(const ConvShape& shape, const SparseImage& image,
                    const ZeroSkipWeights& weights, const MicroKernels& micro,
                    const RowRange& range, int32_t* sums) {
  const int blocks = weights.lane_blocks(range.block);
  const int64_t width = blocks * kLanes;
  std::memset(sums - 2 * width, 0,
              static_cast<size_t>(range.rows * zero_skip_pitch(shape) * width) * sizeof(int32_t));
  add_rows(
      shape, image, weights, micro, range, sums,
      [&](const SparseRow& row, const char* w, int32_t* to, const Prefetch& next) {
        micro.slide_units(row, image.columns(), w, blocks, to, next);
      },
      [&](const SparseRow& row, const TapWalk& walk, const char* w, int64_t stride, int32_t* to) {
        micro.tap_units(row, walk, w, stride, blocks, to);
      });
}

}  // namespace spl
