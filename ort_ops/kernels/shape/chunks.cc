#include "kernels/shape/chunks.h"

#include <algorithm>

#include "kernels/base/ceil_div.h"

namespace spl {
namespace {

constexpr int64_t kNominalSlots = 8 * 14;

// Places of the input rectangle under a nominal tile, as a floating-point number: with strides,
// dilations and kernels of a million the number of them has more than 64 bits.
double rectangle(const ConvShape& s) {
  const ConvAttributes& at = s.at;
  const int64_t high = 7 * at.strides[0] + (s.kH - 1) * at.dilations[0] + 1;
  const int64_t wide = 13 * at.strides[1] + (s.kW - 1) * at.dilations[1] + 1;
  return static_cast<double>(high) * static_cast<double>(wide);
}

bool prefers_halo(const ConvShape& s) {
  if (s.taps() == 1) return false;
  const int64_t padded = ceil_div(s.Cg, kLanes) * kLanes;
  if (3 * padded > 4 * s.Cg) return false;
  // Against the patch elements it replaces.
  return rectangle(s) <= static_cast<double>(kNominalSlots * std::min<int64_t>(5, s.taps()));
}

// Whether the rectangle, copied as it is, is no more than a few times the patches: far apart as
// strides may be, what lies between them would only be carried about.
bool rows_fit(const ConvShape& s) {
  constexpr int64_t kMost = 8;
  return rectangle(s) <= static_cast<double>(kNominalSlots * kMost * s.taps());
}

}  // namespace

ChunkPlan make_chunks(const ConvShape& shape, int halo_step, int patch_step, int multiple,
                      bool rows) {
  ChunkPlan plan;
  plan.halo = prefers_halo(shape);
  plan.rows = rows && !plan.halo && shape.kW > 1 && shape.at.group == 1 &&
              shape.at.dilations[1] == 1 && shape.kW * shape.Cg <= patch_step && rows_fit(shape);
  plan.three_rows = plan.halo && shape.kH == 3 && shape.kW == 3 && shape.at.strides[1] == 1 &&
                    shape.at.dilations[0] == 1 && shape.at.dilations[1] == 1;
  plan.taps = static_cast<int>(plan.halo ? shape.taps() : (plan.rows ? shape.kH : 1));
  plan.total = plan.halo ? shape.Cg : shape.K() / plan.taps;
  const int64_t most = plan.halo ? halo_step : patch_step;
  const int64_t wanted = ceil_div(plan.total, most);
  const int64_t even = ceil_div(plan.total, wanted);
  plan.step = static_cast<int>(ceil_div(even, multiple) * multiple);
  plan.chunks = static_cast<int>(ceil_div(plan.total, plan.step));
  return plan;
}

}  // namespace spl
