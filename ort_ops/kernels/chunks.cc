#include "kernels/chunks.h"

#include <algorithm>

namespace spl {
namespace {

bool prefers_halo(const ConvShape& s) {
  if (s.taps() == 1) return false;
  const int64_t padded = (s.Cg + kLanes - 1) / kLanes * kLanes;
  if (3 * padded > 4 * s.Cg) return false;
  // Places of a nominal tile of 8 x 14 against the patch elements it replaces.
  const ConvAttributes& at = s.at;
  const int64_t high = 7 * at.strides[0] + (s.kH - 1) * at.dilations[0] + 1;
  const int64_t wide = 13 * at.strides[1] + (s.kW - 1) * at.dilations[1] + 1;
  return high * wide <= std::min<int64_t>(8 * 14 * 5, 8 * 14 * s.taps());
}

}  // namespace

ChunkPlan make_chunks(const ConvShape& shape, int halo_step, int patch_step, int multiple,
                      bool rows) {
  ChunkPlan plan;
  plan.halo = prefers_halo(shape);
  plan.rows = rows && !plan.halo && shape.kW > 1 && shape.at.group == 1 &&
              shape.at.dilations[1] == 1 && shape.kW * shape.Cg <= patch_step;
  plan.three_rows = plan.halo && shape.kH == 3 && shape.kW == 3 && shape.at.strides[1] == 1 &&
                    shape.at.dilations[0] == 1 && shape.at.dilations[1] == 1;
  plan.taps = static_cast<int>(plan.halo ? shape.taps() : (plan.rows ? shape.kH : 1));
  plan.total = plan.halo ? shape.Cg : shape.K() / plan.taps;
  const int64_t most = plan.halo ? halo_step : patch_step;
  const int64_t wanted = (plan.total + most - 1) / most;
  const int64_t even = (plan.total + wanted - 1) / wanted;
  plan.step = static_cast<int>((even + multiple - 1) / multiple * multiple);
  plan.chunks = static_cast<int>((plan.total + plan.step - 1) / plan.step);
  return plan;
}

}  // namespace spl
