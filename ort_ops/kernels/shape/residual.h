// The optional residual: a tensor of the shape of the convolution output, or one element for all.
#pragma once

#include <vector>

#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"

namespace spl {

struct Residual {
  const float* data = nullptr;
  bool one_element = false;
  const uint8_t* bytes = nullptr;  // instead of data, a value for every output
  Quantization code = {};
};

class ResidualReader {
 public:
  ResidualReader(const ConvShape& shape, Residual residual) : shape_(shape), residual_(residual) {
    if (residual.one_element && active()) constant_.assign(shape.O, *residual.data);
  }

  // Whether there is anything to add.
  bool active() const {
    if (residual_.data == nullptr) return residual_.bytes != nullptr;
    return !(residual_.one_element && *residual_.data == 0);
  }
  // Whether whole rows can be read: there is nothing to add, or a value for every output.
  bool by_rows() const { return !active() || !residual_.one_element; }
  const float* tensor() const { return residual_.data; }
  // From element `at` of the tensor on, where rows can be read.
  Addend addend(int64_t at) const {
    if (!active()) return {};
    return Addend{residual_.data, residual_.bytes, residual_.code}.from(at);
  }

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
