// The optional residual: a tensor of the shape of the convolution output, or one element for all.
#pragma once

#include <cstring>

#include "kernels/geometry.h"
#include "kernels/micro.h"

namespace spl {

struct Residual {
  const float* data = nullptr;
  bool one_element = false;
  static constexpr Residual none() { return {}; }
};

// Hands out the 16 residual values of a lane block.
class ResidualReader {
 public:
  ResidualReader(const ConvShape& shape, Residual residual) : shape_(shape), residual_(residual) {
    if (residual.data != nullptr && residual.one_element)
      for (float& value : constant_) value = *residual.data;
    constant_zero_ = residual.data != nullptr && residual.one_element && *residual.data == 0;
  }

  // Whether there is anything to add.
  bool active() const { return residual_.data != nullptr && !constant_zero_; }
  // Whether whole rows can be read: there is nothing to add, or a value for every output.
  bool by_rows() const { return !active() || !residual_.one_element; }
  const float* tensor() const { return residual_.data; }

  // Residual of outputs [o, o + lanes) at convolution output (n, y, x). With fewer than 16 lanes the
  // values are copied to `copy` [16], because a vector load could leave the tensor.
  const float* at(int64_t n, int64_t y, int64_t x, int64_t o, int lanes, float* copy) const {
    if (residual_.one_element) return constant_;
    const float* from = residual_.data + ((n * shape_.oH + y) * shape_.oW + x) * shape_.O + o;
    if (lanes == kLanes) return from;
    std::memcpy(copy, from, static_cast<size_t>(lanes) * sizeof(float));
    return copy;
  }

 private:
  const ConvShape& shape_;
  Residual residual_;
  bool constant_zero_ = false;
  float constant_[kLanes] = {};
};

}  // namespace spl
