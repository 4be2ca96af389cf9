#include "kernels/zero_skip.h"

#include <algorithm>
#include <cstring>

namespace spl {
namespace {

// Weights of one chunk and kernel row stay in the first-level cache beside the values.
constexpr int kWeightBytes = 24 << 10;
constexpr int kMaskBits = 64;

int lane_blocks_of(const ConvShape& shape) {
  return static_cast<int>((shape.Og() + kLanes - 1) / kLanes);
}

bool can_slide(const ConvShape& shape) {
  return shape.kW == 3 && shape.at.strides[1] == 1 && shape.at.dilations[1] == 1;
}

}  // namespace

ZeroSkipWeights::ZeroSkipWeights(const ConvShape& shape, const float* w, const MicroKernels& micro)
    : channels_(shape.Cg), kH_(shape.kH), kW_(shape.kW), slides_(can_slide(shape)) {
  const int most = slides_ ? micro.slide_blocks : micro.tap_blocks;
  const int total = lane_blocks_of(shape), count = (total + most - 1) / most;
  for (int b = 0; b < count; b++) {
    first_lane_.push_back(total * b / count);
    lanes_.push_back(total * (b + 1) / count - total * b / count);
  }
  const int widest = *std::max_element(lanes_.begin(), lanes_.end());
  const int fits = kWeightBytes / static_cast<int>((slides_ ? kW_ : 1) * widest * kLanes * 4);
  step_ = std::clamp(fits / 16 * 16, 16, kMaskBits);
  group_floats_ = static_cast<int64_t>(total) * kLanes * shape.K();
  base_ = data_.get<float>(static_cast<size_t>(group_floats_ * shape.at.group));
  std::memset(base_, 0, static_cast<size_t>(group_floats_ * shape.at.group) * sizeof(float));
  int64_t bytes;
  for (int64_t g = 0; g < shape.at.group; g++)
    for (int b = 0; b < count; b++)
      for (int64_t c = 0; c < channels_; c++)
        for (int64_t ky = 0; ky < kH_; ky++) {
          const int64_t width = lanes_[b] * kLanes;
          float* to = const_cast<float*>(row(g, b, static_cast<int>(c / step_), ky, &bytes)) +
                      c % step_ * kW_ * width;
          const int64_t real = std::min(width, shape.Og() - first_output(b));
          const float* from = w + ((g * shape.Og() + first_output(b)) * kH_ + ky) * kW_ * channels_;
          for (int64_t kx = 0; kx < kW_; kx++, to += width)
            for (int64_t o = 0; o < real; o++) to[o] = from[o * shape.K() + kx * channels_ + c];
        }
}

int ZeroSkipWeights::depth(int chunk) const {
  return static_cast<int>(std::min<int64_t>(step_, channels_ - static_cast<int64_t>(chunk) * step_));
}

const float* ZeroSkipWeights::row(int64_t group, int block, int chunk, int64_t ky,
                                  int64_t* bytes) const {
  const int64_t width = lanes_[block] * kLanes;
  const int64_t before = kH_ * kW_ * (first_lane_[block] * kLanes * channels_ +
                                      width * static_cast<int64_t>(chunk) * step_);
  *bytes = depth(chunk) * kW_ * width * 4;
  return base_ + group * group_floats_ + before + ky * depth(chunk) * kW_ * width;
}

void zero_skip_rows(const ConvShape& shape, const SparseImage& image,
                    const ZeroSkipWeights& weights, const MicroKernels& micro, int64_t group,
                    int block, int64_t y0, int64_t rows, const float* bias, float* sums) {
  const int lane_blocks = weights.lane_blocks(block);
  const int64_t width = lane_blocks * kLanes, pitch = zero_skip_pitch(shape) * width;
  for (int64_t i = 0; i < rows * zero_skip_pitch(shape); i++)
    std::memcpy(sums + (i - 2) * width, bias, static_cast<size_t>(width) * sizeof(float));
  for (int q = 0; q < image.chunks(); q++)
    for (int64_t ky = 0; ky < shape.kH; ky++) {
      int64_t bytes;
      const float* w = weights.row(group, block, q, ky, &bytes);
      for (int64_t r = 0; r < rows; r++) {
        const int64_t y =
            (y0 + r) * shape.at.strides[0] + ky * shape.at.dilations[0] - shape.at.pads[0];
        if (y < 0 || y >= shape.H) continue;
        const SparseRow row{image.values(y, q), image.masks(y, q), image.starts(y, q)};
        // The next weights come in while this row is worked on.
        const Prefetch next{reinterpret_cast<const char*>(w) + bytes + bytes * r / rows,
                            static_cast<int>((bytes / rows + 63) / 64)};
        if (weights.slides()) {
          micro.slide_row(row, image.columns(), w, lane_blocks, sums + r * pitch, next);
          continue;
        }
        micro.prefetch(next);
        for (int64_t kx = 0; kx < shape.kW; kx++) {
          const int first = static_cast<int>(kx * shape.at.dilations[1]);
          micro.tap_row(row, first, static_cast<int>(shape.at.strides[1]),
                        static_cast<int>(shape.oW), w + kx * width, shape.kW * width, lane_blocks,
                        sums + r * pitch);
        }
      }
    }
}

}  // namespace spl
