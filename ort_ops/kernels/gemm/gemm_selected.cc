// SRMM on matrices with a selection: dot products of the rows of X with the weight rows of the
// selected outputs, where they lie.
#include <algorithm>

#include "kernels/base/ceil_div.h"
#include "kernels/gemm/gemm.h"

namespace spl {
namespace {

// Outputs per unit of work: their weight rows (of up to a few thousand floats) serve all rows of X
// from the second-level cache.
constexpr int64_t kOutputs = 64;

Status bad_code(const uint8_t* codes, int64_t row, int64_t o0, int64_t o1) {
  const uint8_t* at = std::find_if(codes, codes + (o1 - o0), [](uint8_t code) { return code > 1; });
  const int64_t where[2] = {row, o0 + (at - codes)};
  return "selection S at row and column " + shape_text(where, 2) + ": got " + std::to_string(*at) +
         ", wanted 0 or 1";
}

class GemmSelected final : public SrmmAlgorithm {
 public:
  explicit GemmSelected(const SrmmLayer& layer)
      : w_(layer.w),
        bias_(padded_bias(layer.b, layer.shape.O)),
        clamp_(layer.clamp),
        micro_(layer.micro) {}

  Status run(const ConvShape& shape, const SrmmInputs& in,
             const Parallel& parallel) const override {
    const int64_t blocks = ceil_div(shape.O, kOutputs);
    return run_all(parallel, static_cast<size_t>(blocks), [&](size_t i) {
      const int64_t o0 = static_cast<int64_t>(i) * kOutputs;
      return run_rows(shape, in, o0, std::min(shape.O, o0 + kOutputs));
    });
  }

 private:
  Status run_rows(const ConvShape& shape, const SrmmInputs& in, int64_t o0, int64_t o1) const;
  void epilogue_row(const ConvShape& shape, const SrmmInputs& in, const ResidualReader& reader,
                    int64_t row, int64_t o0, int64_t o1, const float* values) const;

  WeightMatrix w_;
  std::vector<float> bias_;
  Clamp clamp_;
  const MicroKernels& micro_;
};

Status GemmSelected::run_rows(const ConvShape& shape, const SrmmInputs& in, int64_t o0,
                              int64_t o1) const {
  const int64_t k = shape.C;
  const ResidualReader reader(shape, in.residual);
  uint16_t selected[kOutputs + kLanes];
  const float* rows[kOutputs];
  float dots[kOutputs + 8], values[kOutputs + kLanes] = {};
  for (int64_t r = 0; r < shape.W; r++) {
    const uint8_t* codes = in.s + r * shape.O + o0;
    if (micro_.max_byte(codes, o1 - o0) > 1) return bad_code(codes, r, o0, o1);
    const uint64_t bits = micro_.equal_bits(codes, static_cast<int>(o1 - o0), 1);
    const int count = micro_.append_slots(bits, 0, selected);
    for (int i = 0; i < count; i++) rows[i] = w_.at(o0 + selected[i], 0);
    micro_.dot_rows(in.x + r * k, rows, count, k, dots);
    for (int i = 0; i < count; i++) values[selected[i]] = dots[i] + bias_[o0 + selected[i]];
    epilogue_row(shape, in, reader, r, o0, o1, values);
  }
  return "";
}

void GemmSelected::epilogue_row(const ConvShape& shape, const SrmmInputs& in,
                                const ResidualReader& reader, int64_t row, int64_t o0, int64_t o1,
                                const float* values) const {
  const int64_t at = row * shape.O + o0;
  const float* residual = reader.active() ? reader.at(0, 0, row, o0) : nullptr;
  micro_.epilogue_code_run({values, 0, residual, shape.O, 1, static_cast<int>(o1 - o0)}, clamp_,
                           in.s + at, in.y + at);
}

}  // namespace

std::unique_ptr<SrmmAlgorithm> make_gemm_selected(const SrmmLayer& layer) {
  return std::make_unique<GemmSelected>(layer);
}

}  // namespace spl
