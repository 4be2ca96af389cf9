// SRMM with all outputs computed by Winograd's convolution in float32.
#include "kernels/srmm/winograd/srmm_winograd.h"

namespace spl {

void WinogradFloats::multiply(const MicroKernels& micro, const WinogradInput& input, int64_t group,
                              const winograd::Part& part, float* sums, int64_t stride) const {
  static const float zeros[8 * kLanes] = {};
  const int blocks = weights_.lane_blocks(part.block);
  for (int p = 0; p < kWinogradPositions; p++) {
    const float* weights = weights_.place(group, part.block, p);
    // The weights of the next place: for a few squares, fetching them takes as long as the rest.
    const Prefetch next{reinterpret_cast<const char*>(weights + input.channels() * blocks * kLanes),
                        input.channels() * blocks};
    TileView view = input.view(p);
    view.slot_offset += part.row * input.wide();
    micro.dense_slots(view, input.channels(), weights, blocks, part.rows * input.wide(),
                      {zeros, 0, sums + p * stride, blocks * kLanes}, next);
  }
}

std::unique_ptr<SrmmAlgorithm> make_winograd(const SrmmLayer& layer) {
  return std::make_unique<winograd::WinogradAlgorithm<WinogradFloats>>(layer);
}

}  // namespace spl
