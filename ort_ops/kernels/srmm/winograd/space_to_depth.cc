#include "kernels/srmm/winograd/space_to_depth.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/ceil_div.h"

namespace spl {

bool space_to_depth_suits(const ConvShape& s) {
  constexpr double kMostTimes = 4, kSmall = 1 << 20;  // floats
  const ConvAttributes& at = s.at;
  const bool possible = at.strides[0] == at.strides[1] && at.strides[0] > 1 &&
                        at.dilations[0] == 1 && at.dilations[1] == 1 && at.group == 1 &&
                        s.kH >= at.strides[0] && s.kW >= at.strides[1];
  if (!possible) return false;
  const ConvShape deep = space_to_depth(s);
  const double image = static_cast<double>(s.H * s.W * s.C);
  return static_cast<double>(deep.H) * static_cast<double>(deep.W) * static_cast<double>(deep.C) <=
         std::max(kSmall, kMostTimes * image);
}

ConvShape space_to_depth(const ConvShape& shape) {
  const int64_t stride = shape.at.strides[0];
  ConvShape s = shape;
  s.at.strides[0] = s.at.strides[1] = 1;
  std::fill(s.at.pads, s.at.pads + 4, 0);
  s.kH = ceil_div(shape.kH, stride);
  s.kW = ceil_div(shape.kW, stride);
  s.C = s.Cg = stride * stride * shape.Cg;
  s.H = s.oH + s.kH - 1;
  s.W = s.oW + s.kW - 1;
  return s;
}

std::vector<float> space_to_depth(const ConvShape& shape, const WeightMatrix& w) {
  const ConvShape s = space_to_depth(shape);
  const int64_t stride = shape.at.strides[0], C = shape.Cg;
  std::vector<float> to(static_cast<size_t>(s.O * s.K()), 0.0f);
  for (int64_t o = 0; o < s.O; o++)
    for (int64_t ky = 0; ky < shape.kH; ky++)
      for (int64_t kx = 0; kx < shape.kW; kx++) {
        const int64_t tap = ky / stride * s.kW + kx / stride;
        const int64_t within = ky % stride * stride + kx % stride;
        for (int64_t c = 0; c < C; c++)
          to[static_cast<size_t>(o * s.K() + tap * s.Cg + within * C + c)] =
              *w.at(o, (ky * shape.kW + kx) * C + c);
      }
  return to;
}

Status space_to_depth(const ConvShape& shape, const float* x, const Parallel& parallel, float* to) {
  const ConvShape s = space_to_depth(shape);
  const int64_t stride = shape.at.strides[0], C = shape.C, run = stride * C;
  return run_all(parallel, static_cast<size_t>(s.H), [&](size_t row) {
    float* out = to + static_cast<int64_t>(row) * s.W * s.C;
    std::memset(out, 0, static_cast<size_t>(s.W * s.C) * sizeof(float));
    for (int64_t dy = 0; dy < stride; dy++) {
      const int64_t y = static_cast<int64_t>(row) * stride + dy - shape.at.pads[0];
      if (y < 0 || y >= shape.H) continue;
      const float* line = x + y * shape.W * C;
      for (int64_t q = 0; q < s.W; q++) {
        // Pixels [x0, x0 + stride) of the row, as far as they are inside.
        const int64_t x0 = q * stride - shape.at.pads[1];
        const int64_t first = std::clamp<int64_t>(-x0, 0, stride);
        const int64_t last = std::clamp<int64_t>(shape.W - x0, first, stride);
        std::memcpy(out + q * s.C + dy * run + first * C, line + (x0 + first) * C,
                    static_cast<size_t>((last - first) * C) * sizeof(float));
      }
    }
    return Status();
  });
}

}  // namespace spl
