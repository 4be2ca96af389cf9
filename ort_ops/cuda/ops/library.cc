// The one exported function: hands the operators to the main library, which adds them to its
// domains.
#include "cuda/ops/cuda_ops.h"
#include "cuda/ops/device_memory.h"
#include "ops/cuda_library.h"

namespace spl::cuda {
namespace {

// Operators outlive every session, so they are made once and never freed.
std::vector<const OrtCustomOp*> make_ops(const std::vector<OpSpec>& specs, bool infer_shapes) {
  std::vector<const OrtCustomOp*> ops;
  for (const OpSpec& spec : specs)
    ops.push_back(make_custom_op(spec, infer_shapes && spec.infer != nullptr));
  return ops;
}

}  // namespace
}  // namespace spl::cuda

extern "C" __attribute__((visibility("default"))) void spl_onnx_cuda_ops_2(
    const OrtApi* api, const spl::ort::Runtime& runtime, spl::CudaOps* out) {
  using namespace spl::cuda;
  spl::ort::use_api(api, runtime);
  const bool infer_shapes = runtime.infers_shapes;
  allow_stream_memory(infer_shapes);  // both are asked for from ONNX Runtime 1.24 on
  static const auto& conv = *new auto(make_ops(conv_ops(), infer_shapes));
  static const auto& gemm = *new auto(make_ops(gemm_ops(infer_shapes), infer_shapes));
  out->conv = {conv.data(), conv.size()};
  out->gemm = {gemm.data(), gemm.size()};
}
