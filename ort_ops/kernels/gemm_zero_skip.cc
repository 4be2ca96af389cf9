#include "kernels/gemm_zero_skip.h"

#include <algorithm>

#include "kernels/selection.h"

namespace spl {
namespace {

constexpr int64_t kDepth = 64;          // inputs whose weight rows serve all rows of X from L2
constexpr int64_t kLeastOutputs = 512;  // of a unit: 2 KB of each weight row
constexpr int64_t kTransposeBlock = 32;

}  // namespace

GemmZeroSkip::GemmZeroSkip(const ConvShape& shape, const float* w, const MicroKernels& micro)
    : micro_(micro) {
  const int64_t outputs = shape.O, k = shape.K();
  float* to = weights_.get<float>(static_cast<size_t>(outputs * k));
  base_ = to;
  // Block by block, so that neither side jumps a page per element.
  for (int64_t o0 = 0; o0 < outputs; o0 += kTransposeBlock)
    for (int64_t c0 = 0; c0 < k; c0 += kTransposeBlock)
      for (int64_t o = o0; o < std::min(outputs, o0 + kTransposeBlock); o++)
        for (int64_t c = c0; c < std::min(k, c0 + kTransposeBlock); c++)
          to[c * outputs + o] = w[o * k + c];
}

// sums [rows, o1 - o0] += x times the columns [o0, o1) of the transposed weights.
void GemmZeroSkip::add_range(const ConvShape& shape, const float* x, int64_t o0, int64_t o1,
                             float* sums) const {
  float values[kDepth + kLanes];
  const float* rows[kDepth];
  for (int64_t c0 = 0; c0 < shape.C; c0 += kDepth) {
    const int depth = static_cast<int>(std::min(kDepth, shape.C - c0));
    for (int64_t r = 0; r < shape.W; r++) {
      uint64_t mask;
      int32_t start;
      micro_.compress_run(x + r * shape.C + c0, 0, 1, depth, values, &mask, &start);
      int count = 0;
      for (; mask != 0; mask &= mask - 1)
        rows[count++] = base_ + (c0 + __builtin_ctzll(mask)) * shape.O + o0;
      micro_.add_rows(values, rows, count, o1 - o0, sums + r * (o1 - o0));
    }
  }
}

Message GemmZeroSkip::run(const ConvShape& shape, const SrmmInputs& in,
                          const std::vector<float>& bias, const Clamp& clamp,
                          const Parallel& parallel) const {
  const int64_t units = std::clamp<int64_t>(shape.O / kLeastOutputs, 1, wanted_units());
  const std::vector<int64_t> ranges = split_outputs(shape.O, kLanes, 1, units);
  const ResidualReader residual(shape, in.residual);
  const FinishTarget target{shape, micro_, residual, clamp, in.s, in.y};
  return run_all(parallel, ranges.size() - 1, [&](size_t i) {
    const int64_t o0 = ranges[i], o1 = ranges[i + 1], count = o1 - o0;
    const Tile tile{0, 0, 1, 0, shape.W, 0, 0, 1, static_cast<int>(shape.W)};
    if (in.s != nullptr) {
      Message bad = check_codes(shape, micro_, tile, in.s, o0, o1);
      if (!bad.empty()) return bad;
    }
    float* sums =
        thread_scratch().accumulators.get<float>(static_cast<size_t>(count * shape.W) + kLanes);
    for (int64_t r = 0; r < shape.W; r++)
      std::copy(bias.data() + o0, bias.data() + o1, sums + r * count);
    add_range(shape, in.x, o0, o1, sums);
    finish_tile(target, tile, {reinterpret_cast<const char*>(sums), count * 4, shape.W}, o0, count);
    return Message();
  });
}

}  // namespace spl
