// Bytes that stand for numbers.
#pragma once

namespace spl {

// A byte q stands for (q - zero) * scale, and x becomes clamp(round(x * inverse) + zero, 0, 255);
// inverse is 1 / scale, zero an integer 0..255.
struct Quantization {
  float scale, inverse, zero;
};

}  // namespace spl
