// Operators on channels-last images that predict nothing: pooling and response normalisation, and
// the best places of windows. Device pointers; nothing waits or allocates.
#pragma once

#include "cuda/kernels/host.h"
#include "kernels/shape/geometry.h"

namespace spl::cuda {

// Largest values of the windows of `shape` over x [N,oH,oW,O] to y [N,pH,pW,O]; not-a-number never
// wins, and a window of nothing else gives -infinity.
Status max_pool(const ConvShape& shape, const float* x, float* y, Stream stream);

// 1 + index of the highest score of each window, 0 where none is above 0 and not `select_all`.
// scores [N,oH,oW,O], s [N,pH,pW,O].
Status best_places(const ConvShape& shape, const float* scores, bool select_all, uint8_t* s,
                   Stream stream);

// Means of the channels of x [N,H,W,C] to y [N,1,1,C], row by row.
Status global_average(const int64_t x_dims[4], const float* x, float* y, Stream stream);

struct Lrn {
  int64_t size;
  float alpha, beta, bias;
};
// Response normalisation of `pixels` x `channels` values.
Status lrn(const Lrn& norm, const float* x, int64_t pixels, int64_t channels, float* y,
           Stream stream);

}  // namespace spl::cuda
