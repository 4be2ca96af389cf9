// The optional residual: a tensor of the shape of the convolution output, or one element for all.
#pragma once

#include <vector>

#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"

namespace spl {

struct Residual {
  const float* data = nullptr;
  bool one_element = false;
};

class ResidualReader {
 public:
  ResidualReader(const ConvShape& shape, Residual residual) : shape_(shape), residual_(residual) {
    if (residual.one_element && active()) constant_.assign(shape.O, *residual.data);
  }

  // Whether there is anything to add.
  bool active() const {
    return residual_.data != nullptr && !(residual_.one_element && *residual_.data == 0);
  }
  // Whether whole rows can be read: there is nothing to add, or a value for every output.
  bool by_rows() const { return !active() || !residual_.one_element; }
  const float* tensor() const { return residual_.data; }

  // Residual of output channels o, o + 1, ... at convolution output (n, y, x), where it is active.
  const float* at(int64_t n, int64_t y, int64_t x, int64_t o) const {
    if (residual_.one_element) return constant_.data() + o;
    return residual_.data + ((n * shape_.oH + y) * shape_.oW + x) * shape_.O + o;
  }

 private:
  const ConvShape& shape_;
  Residual residual_;
  std::vector<float> constant_;
};

}  // namespace spl
