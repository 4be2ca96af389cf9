// Domain ai.spl.conv: channels-last images.
#include "ops/images.h"
#include "ops/nodes.h"

namespace spl {

const std::vector<OpSpec>& conv_ops() {
  static const std::vector<OpSpec> specs = [] {
    using namespace images;
    std::vector<OpSpec> all =
        domain_ops<Images, Images>(infer<ort::kUint8>, infer<ort::kFloat>, infer<ort::kUint8>);
    all.push_back(lrn_op());
    all.push_back(byte_lrn_op());
    all.push_back(max_pool_op());
    all.push_back(byte_max_pool_op());
    all.push_back(global_average_op());
    all.push_back(byte_average_op());
    all.push_back(quantize_op());
    add_former_names(&all);
    return all;
  }();
  return specs;
}

}  // namespace spl
