#include "kernels/geometry.h"

#include <algorithm>

#include "kernels/checked_size.h"

namespace spl {
namespace {

// Bounds far beyond any real model; they keep every product of sizes and attributes below 2^63.
// That of the weights of an output also keeps counts within it, which are 32 bits, below 2^31 when
// they are rounded up to whole vectors and tiles.
constexpr int64_t kMaxAttribute = 1 << 20;
constexpr int64_t kMaxElements = int64_t{1} << 40;
constexpr int64_t kMaxOutputWeights = 1 << 26;

std::string check_range(const char* name, const int64_t* values, int count, int64_t low) {
  for (int i = 0; i < count; i++)
    if (values[i] < low || values[i] > kMaxAttribute)
      return std::string("attribute ") + name + ": got " + std::to_string(values[i]) +
             ", wanted a value from " + std::to_string(low) + " to " +
             std::to_string(kMaxAttribute);
  return "";
}

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

int64_t conv_output_size(int64_t in, int64_t kernel, int64_t stride, int64_t begin, int64_t end,
                         int64_t dilation) {
  const int64_t room = in + begin + end - ((kernel - 1) * dilation + 1);
  return room < 0 ? 0 : room / stride + 1;
}

int64_t pool_output_size(int64_t in, int64_t kernel, int64_t stride, int64_t begin, int64_t end,
                         bool ceil) {
  const int64_t room = in + begin + end - kernel;
  if (!ceil) return room < 0 ? 0 : room / stride + 1;
  // In ceil mode a window may be larger than its padded input; C++ rounds quotients towards zero.
  const int64_t size = (room < 0 ? room / stride : (room + stride - 1) / stride) + 1;
  return (size - 1) * stride >= in + begin ? size - 1 : size;
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

std::string make_shape(const ConvAttributes& at, const int64_t x[4], const int64_t w[4],
                       ConvShape* out) {
  std::string e = at.check();
  if (!e.empty()) return e;
  // Only where it is needed: every run of a node comes by here.
  auto both = [&] { return "X " + shape_text(x, 4) + " and weights " + shape_text(w, 4); };
  if (!tensor_fits(x) || !tensor_fits(w)) return both() + ": too large";
  for (int i = 0; i < 4; i++)
    if (w[i] < 1) return both() + ": weights must not be empty";
  if (w[1] * w[2] * w[3] > kMaxOutputWeights)
    return both() + ": " + std::to_string(w[1] * w[2] * w[3]) +
           " weights per output, wanted at most " + std::to_string(kMaxOutputWeights);
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
  s.oH = conv_output_size(s.H, s.kH, at.strides[0], at.pads[0], at.pads[2], at.dilations[0]);
  s.oW = conv_output_size(s.W, s.kW, at.strides[1], at.pads[1], at.pads[3], at.dilations[1]);
  if (s.oH < 1 || s.oW < 1) return both() + ": the kernel is larger than the padded image";
  s.pH = pool_output_size(s.oH, at.pool_kernel[0], at.pool_strides[0], at.pool_pads[0],
                          at.pool_pads[2], at.pool_ceil);
  s.pW = pool_output_size(s.oW, at.pool_kernel[1], at.pool_strides[1], at.pool_pads[1],
                          at.pool_pads[3], at.pool_ceil);
  if (s.pH < 1 || s.pW < 1) return both() + ": the pooling window is larger than the padded image";
  const int64_t conv[4] = {s.N, s.oH, s.oW, s.O}, pooled[4] = {s.N, s.pH, s.pW, s.O};
  if (!tensor_fits(conv) || !tensor_fits(pooled)) return both() + ": the output is too large";
  *out = s;
  return "";
}

}  // namespace spl
