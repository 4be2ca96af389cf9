#include "kernels/sparse/zero_skip.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/ceil_div.h"

namespace spl {
namespace {

// Weights of one chunk and row stay in the first-level cache. Three sliding taps leave room for the
// values; a single tap works on few values at a time and gains more from longer chunks.
constexpr int kSlideBytes = 24 << 10;
constexpr int kTapBytes = 32 << 10;

}  // namespace

bool zero_skip_slides(const ConvShape& shape) {
  return shape.kW == 3 && shape.at.strides[1] == 1 && shape.at.dilations[1] == 1;
}

int zero_skip_chunk_bytes(bool slides) { return slides ? kSlideBytes : kTapBytes; }

void ZeroSkipWeights::layout(const ConvShape& shape, const MicroKernels& micro) {
  elements_ = ceil_div(shape.Cg, per_element_);
  slides_ = zero_skip_slides(shape);
  kW_ = shape.kW;
  rows_ = slides_ ? shape.kH : shape.taps();
  taps_ = slides_ ? shape.kW : 1;
  const int most = slides_ ? micro.slide_blocks : micro.tap_blocks;
  const int64_t total = ceil_div(shape.Og(), kLanes), count = ceil_div(total, most);
  for (int64_t b = 0; b < count; b++) {
    first_lane_.push_back(total * b / count);
    lanes_.push_back(static_cast<int>(total * (b + 1) / count - first_lane_.back()));
  }
  widest_ = *std::max_element(lanes_.begin(), lanes_.end());
  const int fits = zero_skip_chunk_bytes(slides_) / static_cast<int>(taps_ * widest_ * kLanes * 4);
  step_ = std::clamp(fits / 16 * 16, 16, kMaxMask);
  group_bytes_ = static_cast<int64_t>(checked_size({total, kLanes * 4, elements_, rows_, taps_}));
  const size_t size = checked_size({group_bytes_, shape.at.group});
  base_ = data_.get<char>(size);
  std::memset(base_, 0, size);
}

ZeroSkipWeights::ZeroSkipWeights(const ConvShape& shape, const WeightMatrix& w,
                                 const MicroKernels& micro)
    : per_element_(1) {
  layout(shape, micro);
  for (int64_t g = 0; g < shape.at.group; g++)
    for (int b = 0; b < blocks(); b++)
      for (int64_t c = 0; c < elements_; c++)
        for (int64_t tap = 0; tap < shape.taps(); tap++) {
          const int64_t first = first_output(b);
          const int64_t real = std::min<int64_t>(lanes_[b] * kLanes, shape.Og() - first);
          float* to = reinterpret_cast<float*>(at(g, b, c, tap / kW_, tap % kW_));
          const float* from = w.at(g * shape.Og() + first, tap * shape.Cg + c);
          for (int64_t o = 0; o < real; o++) to[o] = from[o * w.output_stride];
        }
}

ZeroSkipWeights::ZeroSkipWeights(const ConvShape& shape, const int8_t* w, const MicroKernels& micro)
    : per_element_(micro.unit_channels) {
  layout(shape, micro);
  for (int64_t o = 0; o < shape.O; o++) {
    const int64_t g = o / shape.Og(), in_group = o % shape.Og();
    int b = blocks() - 1;
    while (first_output(b) > in_group) b--;
    for (int64_t tap = 0; tap < shape.taps(); tap++)
      for (int64_t e = 0; e < elements_; e++) {
        const int64_t c = e * per_element_;
        const int channels = static_cast<int>(std::min<int64_t>(per_element_, shape.Cg - c));
        micro.pack_units(w + o * shape.K() + tap * shape.Cg + c, 0, 1, channels,
                         at(g, b, e, tap / kW_, tap % kW_) + (in_group - first_output(b)) * 4, 0);
      }
  }
}

int ZeroSkipWeights::depth(int chunk) const {
  return static_cast<int>(
      std::min<int64_t>(step_, elements_ - static_cast<int64_t>(chunk) * step_));
}

const char* ZeroSkipWeights::row(int64_t group, int block, int chunk, int64_t row,
                                 int64_t* bytes) const {
  const int64_t first = static_cast<int64_t>(chunk) * step_;
  *bytes = depth(chunk) * taps_ * lanes_[block] * kLanes * 4;
  return slides_ ? at(group, block, first, row, 0) : at(group, block, first, row / kW_, row % kW_);
}

char* ZeroSkipWeights::at(int64_t group, int block, int64_t element, int64_t ky, int64_t kx) const {
  const int64_t chunk = element / step_, width = lanes_[block] * kLanes * 4;
  const int64_t before =
      rows_ * taps_ * (first_lane_[block] * kLanes * 4 * elements_ + width * chunk * step_);
  const int64_t row = slides_ ? ky : ky * kW_ + kx, tap = slides_ ? kx : 0;
  const int64_t in_chunk = row * depth(static_cast<int>(chunk)) + element % step_;
  return base_ + group * group_bytes_ + before + (in_chunk * taps_ + tap) * width;
}

namespace {

// work(row of the image, weights, kernel column (0 when three taps slide), sums, next weights) adds
// one row of weights to one row of sums.
template <class Sum, class Work>
void add_rows(const ConvShape& shape, const SparseImage& image, const ZeroSkipWeights& weights,
              const RowRange& range, Sum* sums, Work work) {
  const int64_t pitch = zero_skip_pitch(shape) * weights.lane_blocks(range.block) * kLanes;
  const int64_t across = weights.slides() ? 1 : shape.kW;
  for (int q = 0; q < image.chunks(); q++)
    for (int64_t row = 0; row < shape.kH * across; row++) {
      int64_t bytes;
      const char* w = weights.row(range.group, range.block, q, row, &bytes);
      for (int64_t r = 0; r < range.rows; r++) {
        const int64_t y = (range.y0 + r) * shape.at.strides[0] +
                          row / across * shape.at.dilations[0] - shape.at.pads[0];
        if (y < 0 || y >= shape.H) continue;
        // The next weights come in while this row is worked on.
        const Prefetch next{w + bytes + bytes * r / range.rows,
                            static_cast<int>((bytes / range.rows + 63) / 64)};
        work(image.row(y, q), w, row % across, sums + r * pitch, next);
      }
    }
}

TapWalk walk_of(const ConvShape& shape, int64_t kx) {
  return {static_cast<int>(kx * shape.at.dilations[1]), static_cast<int>(shape.at.strides[1]),
          static_cast<int>(shape.oW)};
}

}  // namespace

void zero_skip_rows(const ConvShape& shape, const SparseImage& image,
                    const ZeroSkipWeights& weights, const MicroKernels& micro,
                    const RowRange& range, const float* bias, float* sums) {
  const int blocks = weights.lane_blocks(range.block);
  const int64_t width = blocks * kLanes;
  for (int64_t i = 0; i < range.rows * zero_skip_pitch(shape); i++)
    std::memcpy(sums + (i - 2) * width, bias, static_cast<size_t>(width) * sizeof(float));
  add_rows(shape, image, weights, range, sums,
           [&](const SparseRow& row, const char* weight_row, int64_t kx, float* to,
               const Prefetch& next) {
             const float* w = reinterpret_cast<const float*>(weight_row);
             if (weights.slides()) {
               micro.slide_row(row, image.columns(), w, blocks, to, next);
             } else {
               micro.tap_row(row, walk_of(shape, kx), w, blocks, {to, width, to, width}, next);
             }
           });
}

void zero_skip_rows(const ConvShape& shape, const SparseImage& image,
                    const ZeroSkipWeights& weights, const MicroKernels& micro,
                    const RowRange& range, int32_t* sums) {
  const int blocks = weights.lane_blocks(range.block);
  const int64_t width = blocks * kLanes;
  std::memset(sums - 2 * width, 0,
              static_cast<size_t>(range.rows * zero_skip_pitch(shape) * width) * sizeof(int32_t));
  add_rows(shape, image, weights, range, sums,
           [&](const SparseRow& row, const char* w, int64_t kx, int32_t* to, const Prefetch& next) {
             if (weights.slides()) {
               micro.slide_units(row, image.columns(), w, blocks, to, next);
             } else {
               micro.tap_units(row, walk_of(shape, kx), w, blocks, {to, width, to, width}, next);
             }
           });
}

}  // namespace spl
