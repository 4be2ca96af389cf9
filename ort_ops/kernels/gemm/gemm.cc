#include "kernels/gemm/gemm.h"

#include <algorithm>

namespace spl {
namespace {

// Outputs per unit of work: their weight rows (of up to a few thousand floats) serve all rows of X
// from the second-level cache.
constexpr int64_t kOutputs = 64;

Message bad_code(const uint8_t* codes, int64_t row, int64_t o0, int64_t o1) {
  const uint8_t* at = std::find_if(codes, codes + (o1 - o0), [](uint8_t code) { return code > 1; });
  const int64_t where[2] = {row, o0 + (at - codes)};
  return "selection S at row and column " + shape_text(where, 2) + ": got " + std::to_string(*at) +
         ", wanted 0 or 1";
}

// Weights in rows of inputs serve only ways that add them up input by input.
Strategy possible(Strategy strategy, bool selects, const WeightMatrix& w) {
  return selects && w.input_stride != 1 && strategy != Strategy::kDense ? Strategy::kZeroSkip
                                                                        : strategy;
}

}  // namespace

Message make_gemm_shape(int64_t rows, int64_t k, int64_t o, int64_t weights_k, ConvShape* out) {
  const int64_t x[4] = {1, 1, std::max<int64_t>(rows, 1), k}, w[4] = {o, 1, 1, weights_k};
  Message message = make_shape(ConvAttributes(), x, w, out);
  out->W = out->oW = out->pW = rows;
  return message;
}

GemmSrmm::GemmSrmm(const ConvShape& shape, const WeightMatrix& w, const float* b,
                   const Clamp& clamp, Strategy strategy, bool selects, const MicroKernels& micro)
    : w_(w),
      bias_(padded_bias(b, shape.O)),
      clamp_(clamp),
      by_rows_(selects && w.input_stride == 1 &&
               (strategy == Strategy::kAuto || strategy == Strategy::kSelect)),
      skips_(strategy != Strategy::kDense),
      few_rows_([=, &micro] { return std::make_unique<GemmZeroSkip>(shape, w, micro); }),
      all_outputs_([=, &micro] {
        return std::make_unique<ConvSrmm>(shape, w, b, clamp, possible(strategy, selects, w),
                                          selects, micro);
      }),
      micro_(micro) {
  // Most models run one row at a time: pack at creation rather than at the first run.
  if (!by_rows_ && skips_) few_rows_.get();
}

Message GemmSrmm::run(const ConvShape& shape, const SrmmInputs& in,
                      const Parallel& parallel) const {
  if (shape.outputs() == 0) return "";
  thread_scratch().begin_run();
  if (!by_rows_ && skips_ && shape.W <= GemmZeroSkip::kMostRows)
    return few_rows_.get().run(shape, in, bias_, clamp_, parallel);
  if (!by_rows_) return all_outputs_.get().run(shape, in, parallel);
  const int64_t blocks = (shape.O + kOutputs - 1) / kOutputs;
  return run_all(parallel, static_cast<size_t>(blocks), [&](size_t i) {
    const int64_t o0 = static_cast<int64_t>(i) * kOutputs;
    const int64_t o1 = std::min(shape.O, o0 + kOutputs);
    return run_rows(shape, in, o0, o1);
  });
}

Message GemmSrmm::run_rows(const ConvShape& shape, const SrmmInputs& in, int64_t o0,
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
    finish_row(shape, in, reader, r, o0, o1, values);
  }
  return "";
}

void GemmSrmm::finish_row(const ConvShape& shape, const SrmmInputs& in,
                          const ResidualReader& reader, int64_t row, int64_t o0, int64_t o1,
                          const float* values) const {
  const int64_t at = row * shape.O + o0;
  const float* residual = reader.active() ? reader.at(0, 0, row, o0) : nullptr;
  micro_.finish_code_run({values, 0, residual, shape.O, 1, static_cast<int>(o1 - o0)}, clamp_,
                         in.s + at, in.y + at);
}

}  // namespace spl
