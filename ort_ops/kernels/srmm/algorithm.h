// What every algorithm of SRMM is: built from a layer, run on images. The table of them is in
// algorithms.h, their costs are in costs.h.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/base/scratch.h"
#include "kernels/base/status.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"
#include "kernels/shape/quantization.h"
#include "kernels/shape/residual.h"
#include "kernels/weights/weight_matrix.h"

namespace spl {

struct SrmmInputs {
  const float* x;     // [N, H, W, C]
  const uint8_t* s;   // [N, pH, pW, O] or null
  Residual residual;  // of [N, oH, oW, O]
  float* y;           // [N, pH, pW, O]
  // Scale and zero point of x in 8 bits, or null: from the range of each image (or row).
  const float* x_scale = nullptr;
  const uint8_t* x_bytes = nullptr;  // instead of x; then x_scale is there
  uint8_t* y_bytes = nullptr;        // instead of y
  Quantization y_code = {};

  Target target() const { return {y_bytes == nullptr ? y : nullptr, y_bytes, y_code}; }
};

// What products are computed in; sums of int8 are exact. kInt8Winograd transforms tiles and
// quantises them then. Contract: docs/operators.md.
enum class Precision { kFloat32, kInt8, kInt8Winograd };

// The inputs of image `n` alone.
SrmmInputs image_inputs(const ConvShape& shape, const SrmmInputs& in, int64_t n);

// How x of each image (`rows`: of each column) becomes bytes: as x_scale says, or by its range.
Status input_quantizations(const ConvShape& shape, const SrmmInputs& in, bool rows,
                           const MicroKernels& micro, const Parallel& parallel,
                           std::vector<Quantization>* out);

// One algorithm, with the weights packed for it. Const, so that sessions may share it.
class SrmmAlgorithm {
 public:
  virtual ~SrmmAlgorithm() = default;
  // All pointers match `shape`, whose weight sizes and attributes are those of the construction,
  // and which has outputs.
  virtual Status run(const ConvShape& shape, const SrmmInputs& in,
                     const Parallel& parallel) const = 0;
};

// What every algorithm is built from. `shape` needs valid weight sizes and attributes only; image
// sizes come with each run. Weights may be packed later: they must outlive the algorithm.
struct SrmmLayer {
  ConvShape shape;
  WeightMatrix w;  // K in the order kH, kW, Cg
  const float* b;  // [O] or null = 0
  Clamp clamp;
  const MicroKernels& micro;
  Precision precision = Precision::kFloat32;
  bool rows = false;  // a matrix seen as an image of one row
  // Direct sums in float32 of the same layer, made when first asked for.
  std::function<const SrmmAlgorithm&()> direct = nullptr;
};

// Bias of all outputs followed by a lane block of zeros, so that vectors may be read at any output.
std::vector<float> padded_bias(const float* b, int64_t outputs);

}  // namespace spl
