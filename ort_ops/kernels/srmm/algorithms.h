// The table of algorithms of SRMM on images. To add one: a file with its class and `make`, a cost
// in costs.cc, a row in algorithms.cc.
#pragma once

#include <memory>
#include <vector>

#include "kernels/srmm/algorithm.h"
#include "kernels/srmm/costs.h"

namespace spl {

// What an algorithm leaves out; the operator's attribute `strategy` asks for one kind of work.
enum class Work {
  kSelected,  // outputs that are not selected
  kNonzero,   // products with inputs that are zero
  kAll,       // nothing
};

struct AlgorithmEntry {
  const char* name;
  Work work;
  Precision precision;
  // Whether it can compute images of `shape`, with the weights of `layer`.
  bool (*can)(const SrmmLayer& layer, const ConvShape& shape);
  // Time of one image, relative to ONNX Runtime's dense work; infinite where it is never worth it.
  double (*cost)(const ConvShape& shape, const ImageLook& look, const MicroKernels& micro);
  std::unique_ptr<SrmmAlgorithm> (*make)(const SrmmLayer& layer);
};

using AlgorithmTable = std::vector<AlgorithmEntry>;

// Of equally quick algorithms the first is taken.
const AlgorithmTable& conv_algorithms();

std::unique_ptr<SrmmAlgorithm> make_selected(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_selected_1x1(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_sliding_skip(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_pointwise_skip(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_direct(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_pointwise(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_winograd(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_space_to_depth(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_direct_int8(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_depthwise(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_depthwise_int8(const SrmmLayer& layer);
std::unique_ptr<SrmmAlgorithm> make_winograd_int8(const SrmmLayer& layer);

}  // namespace spl
