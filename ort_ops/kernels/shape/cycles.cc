#include "kernels/shape/cycles.h"

#include <algorithm>

#include "kernels/base/ceil_div.h"
#include "kernels/micro/micro.h"

namespace spl {

double together(double computing, double fetching) {
  constexpr double kHidden = 0.7;  // of the shorter
  return std::max(computing, fetching) + (1 - kHidden) * std::min(computing, fetching);
}

double direct_cycles(const ConvShape& s) {
  const double weights = static_cast<double>(s.K() * ceil_div(s.Og(), kLanes));
  return together(static_cast<double>(s.oH * s.oW) * weights / kAddsPerCycle,
                  weights * kFetchCycles);
}

}  // namespace spl
