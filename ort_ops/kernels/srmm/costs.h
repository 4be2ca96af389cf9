// Time of each algorithm of SRMM for one image, relative to ONNX Runtime's dense work. All
// constants that were fitted to measurements are in costs.cc, with the command that fits them.
#pragma once

#include <optional>

#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"

namespace spl {

// What the data of one image says, looked at when first asked for and once.
class ImageLook {
 public:
  // x [H, W, C]; s [pH, pW, O], or null: then selected() is 1.
  ImageLook(const ConvShape& shape, const float* x, const uint8_t* s, const MicroKernels& micro)
      : shape_(shape), x_(x), s_(s), micro_(micro) {}
  ImageLook(const ConvShape& shape, double zeros, double selected, const MicroKernels& micro)
      : shape_(shape), micro_(micro), zeros_(zeros), selected_(selected) {}

  double zeros() const;     // share of input elements
  double selected() const;  // outputs per convolution output

 private:
  const ConvShape& shape_;
  const float* x_ = nullptr;
  const uint8_t* s_ = nullptr;
  const MicroKernels& micro_;
  mutable std::optional<double> zeros_, selected_;
};

double selected_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);
double zero_skip_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);
double direct_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);
double pointwise_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);
double winograd_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);
double space_to_depth_cost(const ConvShape& shape, const ImageLook& look,
                           const MicroKernels& micro);
double direct_int8_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);
double depthwise_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);
double depthwise_int8_cost(const ConvShape& shape, const ImageLook& look,
                           const MicroKernels& micro);
double winograd_int8_cost(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);

}  // namespace spl
