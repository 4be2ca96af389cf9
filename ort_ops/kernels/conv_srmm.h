// SRMM on images: exact values of the selected outputs of a convolution with residual, activation
// and max pooling; or of all outputs, with zero inputs skipped. Contract: docs/operators.md.
//
// A matrix product with all outputs is the same computation on an image of one row.
#pragma once

#include <memory>
#include <vector>

#include "kernels/geometry.h"
#include "kernels/micro.h"
#include "kernels/residual.h"
#include "kernels/status.h"

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

// What every method is built from. `shape` needs valid weight sizes and attributes only; image
// sizes come with each run.
struct SrmmLayer {
  const ConvShape& shape;
  const float* w;  // [O, kH, kW, Cg], packed: not needed after construction
  const float* b;  // [O] or null = 0, copied
  Clamp clamp;
  const MicroKernels& micro;
};

std::unique_ptr<SrmmMethod> make_selected(const SrmmLayer& layer);  // needs a selection
std::unique_ptr<SrmmMethod> make_selected_1x1(
    const SrmmLayer& layer);  // the same for 1 x 1 kernels
std::unique_ptr<SrmmMethod> make_dense(
    const SrmmLayer& layer);  // all outputs, then selection if any
std::unique_ptr<SrmmMethod> make_zero_skip(const SrmmLayer& layer,  // the same; few zeros go to
                                           bool always);            // dense work unless `always`

class ConvSrmm {
 public:
  // `selects` says whether runs will have a selection.
  ConvSrmm(const ConvShape& shape, const float* w, const float* b, const Clamp& clamp,
           Strategy strategy, bool selects, const MicroKernels& micro);
  Message run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const {
    return method_->run(shape, in, parallel);
  }

 private:
  std::unique_ptr<SrmmMethod> method_;
};

// Bias of all outputs followed by a lane block of zeros, so that vectors may be read at any output.
std::vector<float> padded_bias(const float* b, int64_t outputs);

}  // namespace spl
