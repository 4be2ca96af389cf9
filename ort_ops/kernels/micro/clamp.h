// The activation of an operator.
#pragma once

namespace spl {

// Clipping to [low, high]; then what is <= floor becomes 0, where floor is above 0.
struct Clamp {
  float low, high, floor;
};

}  // namespace spl
