// One operator of one domain, as ONNX Runtime sees it.
#pragma once

#include <memory>
#include <vector>

#include "kernels/base/parallel.h"
#include "ops/ort_call.h"

namespace spl {

// A kernel of one node; const after construction, because sessions run it from several threads.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void compute(const ort::Context& context) const = 0;

 protected:
  mutable ThreadsSeen threads_;
};

struct InputSpec {
  int type;
  ort::Characteristic characteristic;
  ort::MemoryType memory = ort::kDeviceMemory;
};

// `infer` sets the output shape or leaves it unknown; both functions throw on errors.
struct OpSpec {
  const char* name;
  std::vector<InputSpec> inputs;
  ort::ElementType output;
  std::unique_ptr<Kernel> (*create)(const ort::Info& info);
  void (*infer)(const ort::InferContext& context);
  const char* provider = nullptr;  // null = the CPU's
};

// The record to register; lives as long as the process, like `spec`. Without `infer_shapes` the
// output shape stays unknown to the graph.
const OrtCustomOp* make_custom_op(const OpSpec& spec, bool infer_shapes);

// The operators of each domain.
const std::vector<OpSpec>& conv_ops();
const std::vector<OpSpec>& gemm_ops();

// Auxiliary, in the domain of conv_ops.
OpSpec lrn_op();
OpSpec byte_lrn_op();
OpSpec max_pool_op();
OpSpec byte_max_pool_op();
OpSpec global_average_op();
OpSpec byte_average_op();
OpSpec quantize_op();

// Adds the auxiliary ones of `specs` once more, by the names they have in models of earlier
// versions.
void add_former_names(std::vector<OpSpec>* specs);

}  // namespace spl
