#include "kernels/shape/geometry.h"

#include <algorithm>

#include "kernels/base/checked_size.h"

namespace spl {
namespace {

// Bounds far beyond any real model; they keep every product of sizes and attributes below 2^63.
// Those of outputs and of the weights of one keep counts of them, which have 32 bits, below 2^31
// when they are rounded up to whole vectors and tiles.
constexpr int64_t kMaxAttribute = 1 << 20;
constexpr int64_t kMaxElements = int64_t{1} << 40;
constexpr int64_t kMaxOutputs = 1 << 30, kMaxOutputWeights = 1 << 26;

std::string check_range(const char* name, const int64_t* values, int count, int64_t low) {
  for (int i = 0; i < count; i++)
    if (values[i] < low || values[i] > kMaxAttribute)
      return std::string("attribute ") + name + ": got " + std::to_string(values[i]) +
             ", wanted a value from " + std::to_string(low) + " to " +
             std::to_string(kMaxAttribute);
  return "";
}

bool is_size(int64_t size) { return 0 <= size && size <= kMaxElements; }

}  // namespace

std::string ConvAttributes::check() const {
  std::string e;
  if (!(e = check_range("strides", strides, 2, 1)).empty()) return e;
  if (!(e = check_range("pads", pads, 4, 0)).empty()) return e;
  if (!(e = check_range("dilations", dilations, 2, 1)).empty()) return e;
  if (!(e = check_range("group", &group, 1, 1)).empty()) return e;
  if (!(e = check_range("pool_kernel", pool_kernel, 2, 1)).empty()) return e;
  if (!(e = check_range("pool_strides", pool_strides, 2, 1)).empty()) return e;
  if (!(e = check_range("pool_pads", pool_pads, 4, 0)).empty()) return e;
  if (pool_area() > 254)
    return "attribute pool_kernel: got an area of " + std::to_string(pool_area()) +
           ", wanted at most 254, because a place in the window is stored in 8 bits";
  if (pool_area() == 1 && (pool_strides[0] > 1 || pool_strides[1] > 1))
    return "attribute pool_strides: got " + shape_text(pool_strides, 2) +
           " without pooling, wanted [1,1]";
  for (int i = 0; i < 4; i++)
    if (pool_pads[i] >= pool_kernel[i % 2])
      return "attribute pool_pads: got " + std::to_string(pool_pads[i]) +
             ", wanted less than the window size " + std::to_string(pool_kernel[i % 2]);
  return "";
}

bool ConvShape::pooled() const { return at.pool_area() > 1; }

int64_t conv_output_size(const ConvAttributes& at, int axis, int64_t in, int64_t kernel) {
  if (!is_size(in) || !is_size(kernel)) return -1;
  const int64_t reach = (kernel - 1) * at.dilations[axis] + 1;
  const int64_t room = in + at.pads[axis] + at.pads[axis + 2] - reach;
  return room < 0 ? -1 : room / at.strides[axis] + 1;
}

int64_t pool_output_size(const ConvAttributes& at, int axis, int64_t in) {
  if (!is_size(in)) return -1;
  const int64_t stride = at.pool_strides[axis], begin = at.pool_pads[axis];
  const int64_t room = in + begin + at.pool_pads[axis + 2] - at.pool_kernel[axis];
  if (room < 0 && room > -stride) return at.pool_ceil || at.pool_short ? 1 : 0;
  // Quotients are rounded towards zero, as in ONNX Runtime.
  const int64_t size = (room + (at.pool_ceil && room > 0 ? stride - 1 : 0)) / stride + 1;
  if (size < 0) return -1;
  return at.pool_ceil && (size - 1) * stride >= in + begin ? size - 1 : size;
}

ConvShape with_long_rows(const ConvShape& shape, int64_t longest) {
  const ConvAttributes& at = shape.at;
  if (!shape.pointwise() || at.strides[0] > 1 || at.strides[1] > 1 || shape.pooled()) return shape;
  const int64_t pixels = shape.H * shape.W;
  int64_t wide = std::min(longest, pixels);
  while (wide > shape.W && pixels % wide != 0) wide--;
  if (wide <= shape.W) return shape;
  ConvShape joined = shape;
  joined.W = joined.oW = joined.pW = wide;
  joined.H = joined.oH = joined.pH = pixels / wide;
  return joined;
}

std::string shape_text(const int64_t* dims, size_t rank) {
  std::string text = "[";
  for (size_t i = 0; i < rank; i++) text += (i ? "," : "") + std::to_string(dims[i]);
  return text + "]";
}

bool tensor_fits(const int64_t dims[4]) { return sizes_fit(dims, 4, kMaxElements); }

bool is_empty(const int64_t dims[4]) { return std::count(dims, dims + 4, 0) > 0; }

std::string check_pooled_images(const int64_t x[4]) {
  if (!tensor_fits(x)) return "X " + shape_text(x, 4) + ": too large";
  if (x[0] > 0 && is_empty(x)) return "X " + shape_text(x, 4) + ": an image without values";
  return "";
}

std::string max_pool_shape(const ConvAttributes& at, const int64_t x[4], int64_t out[4]) {
  std::string problem = at.check();
  if (problem.empty()) problem = check_pooled_images(x);
  if (!problem.empty()) return problem;
  std::copy(x, x + 4, out);
  for (int i = 0; i < 2; i++) {
    out[1 + i] = pool_output_size(at, i, x[1 + i]);
    if (out[1 + i] < 0)
      return "X " + shape_text(x, 4) + ": the pooling window is larger than the padded image";
  }
  if (!tensor_fits(out))
    return "X " + shape_text(x, 4) + ": the output " + shape_text(out, 4) + " is too large";
  return "";
}

std::string make_shape(const ConvAttributes& at, const int64_t x[4], const int64_t w[4],
                       ConvShape* out) {
  std::string e = at.check();
  if (!e.empty()) return e;
  // Only where it is needed: every run of a node comes by here.
  auto both = [&] { return "X " + shape_text(x, 4) + " and weights " + shape_text(w, 4); };
  if (!tensor_fits(x) || !tensor_fits(w)) return both() + ": too large";
  for (int i = 0; i < 4; i++)
    if (w[i] < 1) return both() + ": weights must not be empty";
  if (w[0] > kMaxOutputs || w[1] * w[2] * w[3] > kMaxOutputWeights)
    return both() + ": too large: got " + std::to_string(w[0]) + " outputs and " +
           std::to_string(w[1] * w[2] * w[3]) + " weights per output, wanted at most " +
           std::to_string(kMaxOutputs) + " and " + std::to_string(kMaxOutputWeights);
  if (w[3] * at.group != x[3])
    return both() + ": X has " + std::to_string(x[3]) + " channels, wanted " +
           std::to_string(w[3] * at.group) + " (" + std::to_string(w[3]) + " per group, " +
           std::to_string(at.group) + " groups)";
  if (w[0] % at.group)
    return both() + ": " + std::to_string(w[0]) + " output channels do not divide into " +
           std::to_string(at.group) + " groups";
  ConvShape s;
  s.at = at;
  s.N = x[0], s.H = x[1], s.W = x[2], s.C = x[3];
  s.O = w[0], s.kH = w[1], s.kW = w[2], s.Cg = w[3];
  s.oH = conv_output_size(at, 0, s.H, s.kH);
  s.oW = conv_output_size(at, 1, s.W, s.kW);
  if (s.oH < 0 || s.oW < 0) return both() + ": the kernel is larger than the padded image";
  s.pH = pool_output_size(at, 0, s.oH);
  s.pW = pool_output_size(at, 1, s.oW);
  if (s.pH < 0 || s.pW < 0) return both() + ": the pooling window is larger than the padded image";
  const int64_t conv[4] = {s.N, s.oH, s.oW, s.O}, pooled[4] = {s.N, s.pH, s.pW, s.O};
  if (!tensor_fits(conv) || !tensor_fits(pooled)) return both() + ": the output is too large";
  *out = s;
  return "";
}

}  // namespace spl
