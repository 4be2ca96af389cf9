// Domain ai.spl.gemm: matrices of any rank, whose leading dimensions are the rows of one matrix.
#include "kernels/gemm/gemm.h"
#include "ops/nodes.h"
#include "ops/weight_order.h"

namespace spl {
namespace {

// Weights lie as [O,K], or, transposed, as [K,O].
class Matrices {
 public:
  using Srmm = GemmSrmm;
  static constexpr bool kRows = true;
  static bool select_all(const ort::Info&) { return false; }

  explicit Matrices(const ort::Info&) {}

  ConvShape shape(const ort::Tensor& x, const ort::Tensor& w) const {
    if (x.dims.empty() || w.dims.size() != 2)
      throw ort::InvalidArgument("got " + described("X", x) + " and " + described("weights", w) +
                                 ", wanted [...,K] and " + (transposed_ ? "[K,O]" : "[O,K]"));
    const int64_t k = w.dims[transposed_ ? 0 : 1], o = w.dims[transposed_ ? 1 : 0];
    if (x.dims.back() != k)
      throw ort::InvalidArgument("got " + described("X", x) + " and " + described("weights", w) +
                                 ": the last size of X differs, wanted " + std::to_string(k));
    ConvShape shape;
    require_empty(make_gemm_shape(matrix_rows(x), k, o, k, &shape));
    return shape;
  }

  ConvShape weight_shape(const ort::Tensor& w) const {
    ort::Tensor x;
    x.dims = {1, w.dims.size() == 2 ? w.dims[transposed_ ? 0 : 1] : 0};
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

 protected:
  explicit Matrices(bool transposed) : transposed_(transposed) {}
  const bool transposed_ = false;
};

class SrmmMatrices : public Matrices {
 public:
  explicit SrmmMatrices(const ort::Info& info) : Matrices(lie_transposed(info)) {}

  WeightMatrix weights(const ConvShape& s, const ort::Tensor& w) const {
    return transposed_ ? rows_of_inputs(w.as<float>(), s.O) : rows_of_outputs(w.as<float>(), s.C);
  }
};

void infer(const ort::InferContext& context, ort::ElementType type, bool transposed) {
  std::vector<ort::Dimension> x = context.input(0);
  const std::vector<ort::Dimension> w = context.input(1);
  if (x.empty() || w.size() != 2) return;
  x.back() = w[transposed ? 1 : 0];
  context.set_output(type, x);
}

void infer_selection(const ort::InferContext& context) { infer(context, ort::kUint8, false); }

void infer_values(const ort::InferContext& context) {
  infer(context, ort::kFloat, lie_transposed(context));
}

void infer_bytes(const ort::InferContext& context) {
  infer(context, ort::kUint8, lie_transposed(context));
}

}  // namespace

const std::vector<OpSpec>& gemm_ops() {
  static const std::vector<OpSpec> specs =
      domain_ops<Matrices, SrmmMatrices>(infer_selection, infer_values, infer_bytes);
  return specs;
}

}  // namespace spl
