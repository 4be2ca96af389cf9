// SRMM and SPLPredict on channels-last images.
//
// A convolution is computed in tiles of 64 places x 64 outputs (conv_tile.h). Input patches and
// weights of a tile pass through shared memory, a piece of K at a time. A tile with few selected
// outputs computes those, others all; the order of a sum is that of K in both, so the bits are the
// same.
//
// All pointers are device pointers. Nothing here waits or allocates, as in gemm.h.
#pragma once

#include "cuda/kernels/host.h"
#include "kernels/micro/clamp.h"
#include "kernels/shape/geometry.h"

namespace spl::cuda {

// Empty sizes are allowed; every size, with its padding, and every tensor position within one image
// stays below 2^31.
Status check_conv(const ConvShape& shape);

// --- SRMM ----------------------------------------------------------------------------------------
enum class Strategy { kAuto, kSelect, kZeroSkip, kDense };

struct ConvSrmm {
  const float* x;         // [N,H,W,C]
  const float* w;         // [O,kH,kW,C/group]
  const float* bias;      // [O] or null
  const uint8_t* s;       // [N,pH,pW,O] or null: all outputs
  const float* residual;  // [N,oH,oW,O], one element, or null
  bool one_residual;
  Clamp clamp;
  Strategy strategy;
  float* y;  // [N,pH,pW,O]
};

size_t conv_srmm_scratch(const ConvShape& shape, bool selects);
Status conv_srmm(const ConvShape& shape, const ConvSrmm& call, void* scratch, Stream stream);

// --- SPLPredict ----------------------------------------------------------------------------------
// int8 weights as [O,kH,kW,C/group up to a multiple of 4] and their sums [O], made once.
size_t packed_filter_bytes(const ConvShape& shape);
Status pack_filters(const ConvShape& shape, const int8_t* w, void* packed, Stream stream);

struct ConvPredict {
  const float* x;             // [N,H,W,C]
  const float* weights;       // [O,kH,kW,C/group], or null and:
  const void* packed;         // of pack_filters
  const float* bias;          // [O]
  const float* weight_scale;  // [O] with packed weights
  float scale, zero;          // of the input; scale 0: from the range of each image
  const float* residual;      // [N,oH,oW,O], one element, or null
  bool one_residual, select_all;
  uint8_t* s;  // [N,pH,pW,O]
};

size_t conv_predict_scratch(const ConvShape& shape, bool packed);
Status conv_predict(const ConvShape& shape, const ConvPredict& call, void* scratch, Stream stream);

}  // namespace spl::cuda
