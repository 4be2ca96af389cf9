// All outputs of few rows times a matrix, zero inputs skipped: only the weight rows of non-zero
// inputs are read, each once for all rows. The same sums to the bit as zero skipping and dense work
// on images (srmm_pointwise_skip.cc), which are faster for many rows: products are added in the
// order of K, beginning at the bias.
#include <algorithm>

#include "kernels/gemm/gemm.h"
#include "kernels/srmm/epilogue.h"
#include "kernels/srmm/selection.h"

namespace spl {
namespace {

constexpr int64_t kWord = 64;  // inputs whose zeros are looked for together
constexpr int64_t kDepth =
    1024;  // inputs whose rows are listed together, so that the next ones are known
constexpr int64_t kLeastOutputs = 512;  // of a unit: 2 KB of each weight row
constexpr int64_t kSums = 16 << 10;     // bytes of a unit's sums: half the first-level cache
constexpr int64_t kTransposeBlock = 32;

// Block by block, so that neither side jumps a page per element.
void transpose(const WeightMatrix& w, int64_t outputs, int64_t k, float* to) {
  for (int64_t o0 = 0; o0 < outputs; o0 += kTransposeBlock)
    for (int64_t c0 = 0; c0 < k; c0 += kTransposeBlock)
      for (int64_t o = o0; o < std::min(outputs, o0 + kTransposeBlock); o++)
        for (int64_t c = c0; c < std::min(k, c0 + kTransposeBlock); c++)
          to[c * outputs + o] = *w.at(o, c);
}

class GemmZeroSkip final : public SrmmAlgorithm {
 public:
  // Weights [K, O] are used where they lie; others are transposed.
  explicit GemmZeroSkip(const SrmmLayer& layer)
      : weights_(layer.w.data),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {
    if (layer.w.output_stride == 1) return;
    float* to = transposed_.get<float>(static_cast<size_t>(layer.shape.O * layer.shape.K()));
    transpose(layer.w, layer.shape.O, layer.shape.K(), to);
    weights_ = to;
  }

  Status run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const override;

 private:
  uint64_t nonzero_inputs(const ConvShape& shape, const float* x, int64_t depth,
                          float* values) const;
  void add_range(const ConvShape& shape, const float* x, int64_t o0, int64_t o1, float* sums) const;

  Buffer transposed_;
  const float* weights_;  // [K, O]
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

// sums [rows, o1 - o0] += x times the columns [o0, o1) of the weights. With several rows of X those
// inputs are skipped that are zero in all: reading weights takes longer than multiplying by a zero.
void GemmZeroSkip::add_range(const ConvShape& shape, const float* x, int64_t o0, int64_t o1,
                             float* sums) const {
  float values[kFewRows * kDepth], room[kWord + kLanes];
  const float* rows[kDepth];
  const int vectors = static_cast<int>(shape.W);
  for (int64_t c0 = 0; c0 < shape.C; c0 += kDepth) {
    int count = 0;
    for (int64_t c1 = c0; c1 < std::min(shape.C, c0 + kDepth); c1 += kWord) {
      const float* from = x + c1;
      uint64_t mask = nonzero_inputs(shape, from, std::min(kWord, shape.C - c1), room);
      for (; mask != 0; mask &= mask - 1, count++) {
        const int64_t c = __builtin_ctzll(mask);
        rows[count] = weights_ + (c1 + c) * shape.O + o0;
        for (int r = 0; r < vectors; r++) values[r * kDepth + count] = from[r * shape.C + c];
      }
    }
    micro_.add_rows(values, kDepth, vectors, rows, count, o1 - o0, sums);
  }
}

// Bit c is set where input c of any row is not zero; `values` is room to work in.
uint64_t GemmZeroSkip::nonzero_inputs(const ConvShape& shape, const float* x, int64_t depth,
                                      float* values) const {
  uint64_t mask = 0, row;
  int32_t start;
  for (int64_t r = 0; r < shape.W; r++, mask |= row)
    micro_.compress_run(x + r * shape.C, 0, 1, static_cast<int>(depth), values, &row, &start);
  return mask;
}

Status GemmZeroSkip::run(const ConvShape& shape, const SrmmInputs& in,
                         const Parallel& parallel) const {
  const int64_t small = shape.O * shape.W * static_cast<int64_t>(sizeof(float)) / kSums;
  const int64_t units =
      std::clamp<int64_t>(shape.O / kLeastOutputs, 1, std::max(wanted_units(parallel), small));
  const std::vector<int64_t> ranges = split_outputs(shape.O, kLanes, 1, units);
  const ResidualReader residual(shape, in.residual);
  const EpilogueTarget target{shape, micro_, residual, clamp_, in.s, in.target()};
  return run_all(parallel, ranges.size() - 1, [&](size_t i) {
    const int64_t o0 = ranges[i], o1 = ranges[i + 1], count = o1 - o0;
    const Tile tile{0, 0, 1, 0, shape.W, 0, 0, 1, static_cast<int>(shape.W)};
    if (in.s != nullptr) {
      Status bad = check_codes(shape, micro_, tile, in.s, o0, o1);
      if (!bad.empty()) return bad;
    }
    float* sums =
        thread_scratch().accumulators.get<float>(static_cast<size_t>(count * shape.W) + kLanes);
    for (int64_t r = 0; r < shape.W; r++)
      std::copy(bias_.data() + o0, bias_.data() + o1, sums + r * count);
    add_range(shape, in.x, o0, o1, sums);
    epilogue(target, tile, {reinterpret_cast<const char*>(sums), count * 4, shape.W}, o0, count);
    return Status();
  });
}

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_gemm_zero_skip(const SrmmLayer& layer) {
  return std::make_unique<GemmZeroSkip>(layer);
}

}  // namespace spl
