// The one exported function: adds both domains to the options of a session.
#include <cstdio>

#include "kernels/isa.h"
#include "ops/custom_op.h"

namespace spl {
namespace {

// Operators and domains outlive every session, so they are made once and never freed.
OrtCustomOpDomain* make_domain(const char* name, const std::vector<OpSpec>& specs) {
  OrtCustomOpDomain* domain = nullptr;
  ort::require_ok(ort::call<OrtStatus*>(ort::CreateCustomOpDomain, name, &domain),
                  "spl-onnx: cannot create an operator domain");
  for (const OpSpec& spec : specs)
    ort::require_ok(ort::call<OrtStatus*>(ort::CustomOpDomain_Add, domain, make_custom_op(spec)),
                    "spl-onnx: cannot add an operator");
  return domain;
}

void add_domains(OrtSessionOptions* options) {
  static OrtCustomOpDomain* const domains[] = {make_domain("ai.spl.conv", conv_ops()),
                                               make_domain("ai.spl.gemm", gemm_ops())};
  std::string problem;
  active_kernels(&problem);
  if (!problem.empty()) throw ort::InvalidArgument("spl-onnx: " + problem);
  for (OrtCustomOpDomain* domain : domains)
    ort::require_ok(ort::call<OrtStatus*>(ort::AddCustomOpDomain, options, domain),
                    "spl-onnx: cannot add the operator domain; is the library registered twice?");
}

}  // namespace
}  // namespace spl

extern "C" __attribute__((visibility("default"))) OrtStatus* RegisterCustomOps(
    OrtSessionOptions* options, const OrtApiBase* base) {
  using namespace spl;
  ort::api = base->GetApi(ort::kApiVersion);
  if (ort::api == nullptr) {
    // Slot 0 exists in every version, and is all that is needed to say what is wrong.
    const OrtApi* oldest = base->GetApi(1);
    char text[160];
    std::snprintf(text, sizeof text,
                  "spl-onnx: this is ONNX Runtime %s, wanted 1.17 or newer; upgrade onnxruntime",
                  base->GetVersionString());
    return reinterpret_cast<OrtStatus* (*)(int, const char*)>(oldest->slots[ort::CreateStatus])(
        ort::kFail, text);
  }
  return ort::guarded([&] { add_domains(options); });
}
