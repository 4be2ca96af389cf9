// Domain ai.spl.gemm: matrices of any rank, whose leading dimensions are the rows of one matrix.
#include "kernels/gemm.h"
#include "ops/nodes.h"

namespace spl {
namespace {

class Matrices {
 public:
  using Srmm = GemmSrmm;
  static constexpr bool kRows = true;
  static bool select_all(const ort::Info&) { return false; }

  explicit Matrices(const ort::Info&) {}

  ConvShape shape(const ort::Tensor& x, const ort::Tensor& w) const {
    if (x.dims.empty() || w.dims.size() != 2)
      throw ort::InvalidArgument("got " + described("X", x) + " and " + described("weights", w) +
                                 ", wanted [...,K] and [O,K]");
    if (x.dims.back() != w.dims[1])
      throw ort::InvalidArgument("got " + described("X", x) + " and " + described("weights", w) +
                                 ": the last sizes differ, wanted " + std::to_string(w.dims[1]));
    int64_t rows = 1;
    for (size_t i = 0; i + 1 < x.dims.size(); i++) rows *= x.dims[i];
    ConvShape shape;
    require_empty(make_gemm_shape(rows, x.dims.back(), w.dims[0], w.dims[1], &shape));
    return shape;
  }

  ConvShape weight_shape(const ort::Tensor& w) const {
    ort::Tensor x;
    x.dims = {1, w.dims.size() == 2 ? w.dims[1] : 0};
    return shape(x, w);
  }

  std::vector<int64_t> conv_dims(const ConvShape& s, const ort::Tensor& x) const {
    return output_dims(s, x);
  }
  std::vector<int64_t> output_dims(const ConvShape& s, const ort::Tensor& x) const {
    std::vector<int64_t> dims = x.dims;
    dims.back() = s.O;
    return dims;
  }
};

template <ort::ElementType Output>
void infer(const ort::InferContext& context) {
  std::vector<ort::Dimension> x = context.input(0);
  const std::vector<ort::Dimension> w = context.input(1);
  if (x.empty() || w.size() != 2) return;
  x.back() = w[0];
  context.set_output(Output, x);
}

}  // namespace

const std::vector<OpSpec>& gemm_ops() {
  static const std::vector<OpSpec> specs =
      domain_ops<Matrices>(infer<ort::kUint8>, infer<ort::kFloat>);
  return specs;
}

}  // namespace spl
