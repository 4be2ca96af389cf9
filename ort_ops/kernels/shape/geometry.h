// Shapes of one operator call: a (grouped) convolution over channels-last images followed by an
// optional max pooling. A matrix product is the case of 1 x 1 kernels over an image of one row.
#pragma once

#include <cstdint>
#include <string>

namespace spl {

struct ConvAttributes {
  int64_t strides[2] = {1, 1};
  int64_t pads[4] = {0, 0, 0, 0};  // top, left, bottom, right
  int64_t dilations[2] = {1, 1};
  int64_t group = 1;
  int64_t pool_kernel[2] = {1, 1};
  int64_t pool_strides[2] = {1, 1};
  int64_t pool_pads[4] = {0, 0, 0, 0};
  bool pool_ceil = false;
  // Whether a window that is larger than the padded image, by less than a stride, counts also where
  // pool_ceil is off. ONNX Runtime counts it from 1.21 on.
  bool pool_short = true;

  // Empty when the attributes are within the contract, otherwise what is wrong.
  std::string check() const;
  int64_t pool_area() const { return pool_kernel[0] * pool_kernel[1]; }
};

// All sizes of one call. Built by make_shape only, so kernels may trust it.
struct ConvShape {
  ConvAttributes at;
  int64_t N = 0, H = 0, W = 0, C = 0;     // input, channels last
  int64_t O = 0, kH = 0, kW = 0, Cg = 0;  // weights [O, kH, kW, Cg]
  int64_t oH = 0, oW = 0;                 // convolution output
  int64_t pH = 0, pW = 0;                 // pooled output
  int64_t first_image = 0;                // of the caller's batch, for messages

  int64_t Og() const { return O / at.group; }
  int64_t taps() const { return kH * kW; }
  int64_t K() const { return kH * kW * Cg; }
  // The shape of image `n` alone.
  ConvShape image(int64_t n) const {
    ConvShape one = *this;
    one.N = 1;
    one.first_image += n;
    return one;
  }
  int64_t outputs() const { return N * pH * pW * O; }
  bool pooled() const;
  bool padded() const { return at.pads[0] + at.pads[1] + at.pads[2] + at.pads[3] > 0; }
  // Whether every output sees exactly one pixel of the image.
  bool pointwise() const { return taps() == 1 && !padded(); }
};

inline bool windows_overlap(const ConvAttributes& at) {
  return at.pool_strides[0] < at.pool_kernel[0] || at.pool_strides[1] < at.pool_kernel[1];
}

// Places of the output in direction `axis` (0 = down, 1 = right), as ONNX Runtime counts them; -1
// where there can be no output: `in` or `kernel` is unknown (below 0) or beyond all bounds, or the
// window is too large. A convolution has at least one place, a pooling may have none.
int64_t conv_output_size(const ConvAttributes& at, int axis, int64_t in, int64_t kernel);
int64_t pool_output_size(const ConvAttributes& at, int axis, int64_t in);

// What is wrong with images x = {N, H, W, C} as input of a pooling, as ONNX Runtime sees it: a
// batch may be without images, but no image without values. Else empty.
std::string check_pooled_images(const int64_t x[4]);

// Sizes of the output of pooling images of sizes x = {N, H, W, C}. Only the pool_ members of `at`
// count. Returns an empty string and fills `out`, or says what does not fit.
std::string max_pool_shape(const ConvAttributes& at, const int64_t x[4], int64_t out[4]);

// Whether a tensor of four sizes is one that kernels take: all positions in it, and their products
// with attributes, are far below 2^63.
bool tensor_fits(const int64_t dims[4]);
bool is_empty(const int64_t dims[4]);

// x = {N, H, W, C}, w = {O, kH, kW, Cg}. Returns an empty string and fills `out`, or says what does
// not fit, with both shapes.
std::string make_shape(const ConvAttributes& at, const int64_t x[4], const int64_t w[4],
                       ConvShape* out);

// The same computation with image rows joined into longer ones of at most `longest` pixels, where
// neither kernel, stride, padding nor pooling tells rows apart; otherwise the shape itself. Loops
// along rows then run longer, which matters for small maps.
ConvShape with_long_rows(const ConvShape& shape, int64_t longest);

std::string shape_text(const int64_t* dims, size_t rank);

}  // namespace spl
