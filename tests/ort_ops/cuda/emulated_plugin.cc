// A plugin with the operators of the CUDA provider under the emulator, as operators of the CPU:
// ONNX Runtime runs them without a GPU, so that reading inputs, checks, memory and errors are
// tested.
#include "ops/cuda_library.h"
#include "ops/ort_call.h"

extern "C" void spl_onnx_cuda_ops_2(const OrtApi* api, const spl::ort::Runtime& runtime,
                                    spl::CudaOps* out);

namespace {

void add_domain(OrtSessionOptions* options, const char* name, const spl::ForeignOps& ops) {
  using namespace spl::ort;
  OrtCustomOpDomain* domain = nullptr;
  require_ok(call<OrtStatus*>(CreateCustomOpDomain, name, &domain), "no domain");
  for (size_t i = 0; i < ops.count; i++)
    require_ok(call<OrtStatus*>(CustomOpDomain_Add, domain, ops.ops[i]), "no operator");
  require_ok(call<OrtStatus*>(AddCustomOpDomain, options, domain), "no domain for the session");
}

}  // namespace

extern "C" OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  spl::CudaOps ops;
  spl_onnx_cuda_ops_2(base->GetApi(spl::ort::kApiVersion),
                      spl::ort::runtime_of(base->GetVersionString()), &ops);
  return spl::ort::guarded([&] {
    add_domain(options, "ai.spl.conv", ops.conv);
    add_domain(options, "ai.spl.gemm", ops.gemm);
  });
}
