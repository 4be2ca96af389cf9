// The one exported function: adds both domains to the options of a session.
#include <cstdio>

#include "kernels/base/isa.h"
#include "ops/cuda_library.h"
#include "ops/custom_op.h"

namespace spl {
namespace {

void add_op(OrtCustomOpDomain* domain, const OrtCustomOp* op) {
  ort::require_ok(ort::call<OrtStatus*>(ort::CustomOpDomain_Add, domain, op),
                  "spl-onnx: cannot add an operator");
}

// Operators and domains outlive every session, so they are made once and never freed. Of operators
// of one name ONNX Runtime asks the first for shapes: those of other providers, which know more
// types.
OrtCustomOpDomain* make_domain(const char* name, const std::vector<OpSpec>& specs,
                               const ForeignOps& others, bool infer_shapes) {
  OrtCustomOpDomain* domain = nullptr;
  ort::require_ok(ort::call<OrtStatus*>(ort::CreateCustomOpDomain, name, &domain),
                  "spl-onnx: cannot create an operator domain");
  for (size_t i = 0; i < others.count; i++) add_op(domain, others.ops[i]);
  for (const OpSpec& spec : specs) add_op(domain, make_custom_op(spec, infer_shapes));
  return domain;
}

void add_domains(OrtSessionOptions* options) {
  const bool infer = ort::runtime.infers_shapes;
  static const CudaOps cuda = load_cuda_ops();
  static OrtCustomOpDomain* const domains[] = {
      make_domain("ai.spl.conv", conv_ops(), cuda.conv, infer),
      make_domain("ai.spl.gemm", gemm_ops(), cuda.gemm, infer)};
  std::string problem;
  active_kernels(&problem);
  if (!problem.empty()) throw ort::InvalidArgument("spl-onnx: " + problem);
  for (OrtCustomOpDomain* domain : domains)
    ort::require_ok(ort::call<OrtStatus*>(ort::AddCustomOpDomain, options, domain),
                    "spl-onnx: cannot add the operator domain; is the library registered twice?");
}

// A status where `api` is not set: slot 0 exists in every version, and is all that is needed.
OrtStatus* refusal(const OrtApi* functions, const char* text) {
  return reinterpret_cast<OrtStatus* (*)(int, const char*)>(functions->slots[ort::CreateStatus])(
      ort::kFail, text);
}

}  // namespace
}  // namespace spl

extern "C" __attribute__((visibility("default"))) OrtStatus* RegisterCustomOps(
    OrtSessionOptions* options, const OrtApiBase* base) {
  using namespace spl;
  const OrtApi* functions = base->GetApi(ort::kApiVersion);
  if (functions == nullptr) {
    char text[160];
    std::snprintf(text, sizeof text,
                  "spl-onnx: this is ONNX Runtime %s, wanted 1.17 or newer; upgrade onnxruntime",
                  base->GetVersionString());
    return refusal(base->GetApi(1), text);
  }
  if (!ort::use_api(functions, ort::runtime_of(base->GetVersionString())))
    return refusal(functions,
                   "spl-onnx: another ONNX Runtime in this process has registered the library; use "
                   "one of them, or load a copy of the library under another name");
  return ort::guarded([&] { add_domains(options); });
}
