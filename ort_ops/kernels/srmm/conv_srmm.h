// SRMM on images: exact values of the selected outputs of a convolution with residual, activation
// and max pooling; or of all outputs, with zero inputs skipped. Contract: docs/operators.md.
//
// A matrix product with all outputs is the same computation on an image of one row.
#pragma once

#include <memory>
#include <vector>

#include "kernels/base/scratch.h"
#include "kernels/base/status.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"
#include "kernels/shape/residual.h"
#include "kernels/weights/weight_matrix.h"

namespace spl {

// How, never what: kAuto takes kSelect with a selection, else skips zeros where there are enough.
enum class Strategy { kAuto, kSelect, kZeroSkip, kDense };

struct SrmmInputs {
  const float* x;     // [N, H, W, C]
  const uint8_t* s;   // [N, pH, pW, O] or null
  Residual residual;  // of [N, oH, oW, O]
  float* y;           // [N, pH, pW, O]
};

// One way of computing, with the weights packed for it. Const, so that sessions may share it.
class SrmmMethod {
 public:
  virtual ~SrmmMethod() = default;
  // All pointers match `shape`, whose weight sizes and attributes are those of the construction.
  virtual Message run(const ConvShape& shape, const SrmmInputs& in,
                      const Parallel& parallel) const = 0;
};

// The inputs of image `n` alone.
SrmmInputs image_inputs(const ConvShape& shape, const SrmmInputs& in, int64_t n);

// What every method is built from. `shape` needs valid weight sizes and attributes only; image
// sizes come with each run. Weights may be packed later: they must outlive the method.
struct SrmmLayer {
  ConvShape shape;
  WeightMatrix w;  // K in the order kH, kW, Cg
  const float* b;  // [O] or null = 0
  Clamp clamp;
  const MicroKernels& micro;
};

// With a selection: dot products of the selected outputs, weights in rows of outputs; the second
// for 1 x 1 kernels.
std::unique_ptr<SrmmMethod> make_selected(const SrmmLayer& layer);
std::unique_ptr<SrmmMethod> make_selected_1x1(const SrmmLayer& layer);
// All outputs, then the selection if there is one: sums formed directly (the second for 1 x 1
// kernels without padding), by Winograd's convolution (the second for strides), or whichever of
// them is faster.
std::unique_ptr<SrmmMethod> make_direct(const SrmmLayer& layer);
std::unique_ptr<SrmmMethod> make_pointwise(const SrmmLayer& layer);
std::unique_ptr<SrmmMethod> make_winograd(const SrmmLayer& layer);
std::unique_ptr<SrmmMethod> make_space_to_depth(const SrmmLayer& layer);
std::unique_ptr<SrmmMethod> make_dense(const SrmmLayer& layer);
// Time of make_dense relative to ONNX Runtime's dense work, and its way of computing: direct,
// pointwise, winograd or space_to_depth.
double dense_cost(const ConvShape& shape);
const char* dense_way(const ConvShape& shape);
// All outputs with zero inputs skipped: for 1 x 1 kernels without padding, and others.
std::unique_ptr<SrmmMethod> make_pointwise_skip(const SrmmLayer& layer);
std::unique_ptr<SrmmMethod> make_sliding_skip(const SrmmLayer& layer);
// One of the two; images with few zeros go to dense work unless `always`, and those whose non-zero
// inputs would take many times the memory of the image.
std::unique_ptr<SrmmMethod> make_zero_skip(const SrmmLayer& layer, bool always);
// `selected`, or zero skipping for images where that promises to be faster.
std::unique_ptr<SrmmMethod> make_adaptive(const SrmmLayer& layer,
                                          std::unique_ptr<SrmmMethod> selected);

class ConvSrmm {
 public:
  // `selects` says whether runs will have a selection. `w` and `b` must outlive this object.
  ConvSrmm(const ConvShape& shape, const WeightMatrix& w, const float* b, const Clamp& clamp,
           Strategy strategy, bool selects, const MicroKernels& micro);
  Message run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const {
    if (shape.outputs() == 0) return "";
    thread_scratch().begin_run();
    return method_->run(shape, in, parallel);
  }

 private:
  std::unique_ptr<SrmmMethod> method_;
};

// Bias of all outputs followed by a lane block of zeros, so that vectors may be read at any output.
std::vector<float> padded_bias(const float* b, int64_t outputs);

}  // namespace spl
