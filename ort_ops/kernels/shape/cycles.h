// Cycles of dense work, of a core with two 16-lane multiply-adds per cycle; on narrower ones all of
// it takes longer alike.
#pragma once

#include "kernels/shape/geometry.h"

namespace spl {

constexpr double kAddsPerCycle = 2;  // of lane blocks
constexpr double kFetchCycles = 7;   // to get a lane block of weights from memory

// Computing and fetching, of which the shorter hides behind the other for the most part.
double together(double computing, double fetching);

// Cycles of an image whose sums are formed directly.
double direct_cycles(const ConvShape& shape);

}  // namespace spl
