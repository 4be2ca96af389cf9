#include "ops/custom_op.h"

#include <cstring>
#include <memory>
#include <utility>

namespace spl {
namespace {

struct CustomOp : OrtCustomOp {
  const OpSpec* spec;
};

const OpSpec& spec_of(const OrtCustomOp* op) { return *static_cast<const CustomOp*>(op)->spec; }

OrtStatus* create(const OrtCustomOp* op, const OrtApi*, const OrtKernelInfo* info, void** kernel) {
  return ort::guarded([&] {
    const ort::Info reader(info);
    // ONNX Runtime does not name the node when creation fails.
    auto named = [&](const char* what) {
      return "node '" + reader.node_name() + "' (" + spec_of(op).name + "): " + what;
    };
    try {
      *kernel = spec_of(op).create(reader).release();
    } catch (const ort::InvalidArgument& e) {
      throw ort::InvalidArgument(named(e.what()));
    } catch (const OutOfMemory& e) {
      throw std::runtime_error(named(e.what()));
    }
  });
}

OrtStatus* compute(void* kernel, OrtKernelContext* context) {
  return ort::guarded([&] { static_cast<const Kernel*>(kernel)->compute(ort::Context(context)); });
}

OrtStatus* infer(const OrtCustomOp* op, OrtShapeInferContext* context) {
  return ort::guarded([&] { spec_of(op).infer(ort::InferContext(context)); });
}

}  // namespace

const OrtCustomOp* make_custom_op(const OpSpec& spec, bool infer_shapes) {
  auto op = std::make_unique<CustomOp>();
  std::memset(static_cast<OrtCustomOp*>(op.get()), 0, sizeof(OrtCustomOp));
  op->spec = &spec;
  op->version = ort::kApiVersion;
  op->GetName = [](const OrtCustomOp* o) { return spec_of(o).name; };
  op->GetExecutionProviderType = [](const OrtCustomOp* o) { return spec_of(o).provider; };
  op->GetInputTypeCount = [](const OrtCustomOp* o) { return spec_of(o).inputs.size(); };
  op->GetInputType = [](const OrtCustomOp* o, size_t i) { return spec_of(o).inputs[i].type; };
  op->GetInputCharacteristic = [](const OrtCustomOp* o, size_t i) -> int {
    return spec_of(o).inputs[i].characteristic;
  };
  op->GetInputMemoryType = [](const OrtCustomOp* o, size_t i) -> int {
    return spec_of(o).inputs[i].memory;
  };
  op->GetOutputTypeCount = [](const OrtCustomOp*) { return size_t{1}; };
  op->GetOutputType = [](const OrtCustomOp* o, size_t) -> int { return spec_of(o).output; };
  op->GetOutputCharacteristic = [](const OrtCustomOp*, size_t) -> int { return ort::kRequired; };
  op->CreateKernelV2 = create;
  op->KernelComputeV2 = compute;
  op->KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  op->InferOutputShapeFn = infer_shapes ? infer : nullptr;
  op->GetStartVersion = [](const OrtCustomOp*) { return 1; };
  op->GetEndVersion = [](const OrtCustomOp*) { return 0x7fffffff; };
  return op.release();
}

void add_former_names(std::vector<OpSpec>* specs) {
  constexpr std::pair<const char*, const char*> kFormerNames[] = {
      {"ChannelsLastLRN", "LRN"},
      {"ChannelsLastMaxPool", "MaxPool"},
      {"ChannelsLastGlobalAveragePool", "GlobalAveragePool"}};
  const std::vector<OpSpec> now = *specs;
  for (const OpSpec& spec : now) {
    for (const auto& [name, former] : kFormerNames) {
      if (std::strcmp(spec.name, name) != 0) continue;
      specs->push_back(spec);
      specs->back().name = former;
    }
  }
}

}  // namespace spl
