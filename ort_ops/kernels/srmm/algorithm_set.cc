#include "kernels/srmm/algorithm_set.h"

#include <algorithm>

#include "kernels/base/run_images.h"

namespace spl {
namespace {

// What a strategy wants, dearest wish first: what it asks for, then what skips less, for layers and
// images that cannot be computed so.
std::vector<Work> wanted(Strategy strategy, bool selects) {
  switch (strategy) {
    case Strategy::kZeroSkip:
      return {Work::kNonzero, Work::kAll};
    case Strategy::kDense:
      return {Work::kAll};
    default:
      break;
  }
  if (selects) return {Work::kSelected, Work::kNonzero, Work::kAll};
  if (strategy == Strategy::kAuto) return {Work::kNonzero, Work::kAll};
  return {Work::kAll};
}

}  // namespace

AlgorithmSet::AlgorithmSet(const AlgorithmTable& table, const SrmmLayer& layer, Strategy strategy,
                           bool selects)
    : layer_(layer), by_cost_alone_(strategy == Strategy::kAuto) {
  direct_ = std::make_shared<Lazy<SrmmAlgorithm>>([layer] { return make_direct(layer); });
  layer_.direct = [direct = direct_]() -> const SrmmAlgorithm& { return direct->get(); };
  for (Work work : wanted(strategy, selects))
    for (const AlgorithmEntry& entry : table)
      if (entry.work == work && entry.precision == layer.precision)
        candidates_.push_back(
            {entry, entry.make == make_direct
                        ? direct_
                        : std::make_shared<Lazy<SrmmAlgorithm>>(
                              [layer = layer_, make = entry.make] { return make(layer); })});
}

std::vector<const AlgorithmSet::Candidate*> AlgorithmSet::possible(const ConvShape& shape) const {
  std::vector<const Candidate*> found;
  for (const Candidate& candidate : candidates_) {
    const bool enough =
        !by_cost_alone_ && !found.empty() && found.back()->entry.work != candidate.entry.work;
    if (enough) break;
    if (candidate.entry.can(layer_, shape)) found.push_back(&candidate);
  }
  return found;
}

const AlgorithmSet::Candidate& AlgorithmSet::cheapest(const ConvShape& shape,
                                                      const ImageLook& look) const {
  const std::vector<const Candidate*> found = possible(shape);
  if (found.size() == 1) return *found[0];
  const Candidate* best = found[0];
  double least = best->entry.cost(shape, look, layer_.micro);
  for (size_t i = 1; i < found.size(); i++) {
    const double cost = found[i]->entry.cost(shape, look, layer_.micro);
    if (cost < least) best = found[i], least = cost;
  }
  return *best;
}

const AlgorithmEntry& AlgorithmSet::choose(const ConvShape& shape, const ImageLook& look) const {
  return cheapest(shape, look).entry;
}

Status AlgorithmSet::run(const ConvShape& shape, const SrmmInputs& given,
                         const Parallel& parallel) const {
  if (shape.outputs() == 0) return "";
  thread_scratch().begin_run();
  SrmmInputs in = given;
  std::vector<float> residual;
  // Bytes are added where values are formed in registers; elsewhere floats are.
  if (in.residual.bytes != nullptr &&
      (shape.pooled() || in.s != nullptr || shape.Og() % kLanes != 0 ||
       (layer_.precision == Precision::kInt8Winograd && in.x_bytes == nullptr))) {
    residual.resize(checked_size({shape.N, shape.oH, shape.oW, shape.O}));
    layer_.micro.dequantize(in.residual.bytes, static_cast<int64_t>(residual.size()),
                            in.residual.code, residual.data());
    in.residual = {residual.data(), false};
  }
  const ConvShape one = shape.image(0);
  std::vector<const Candidate*> chosen;
  for (int64_t n = 0; n < shape.N; n++) {
    const SrmmInputs image = image_inputs(shape, in, n);
    chosen.push_back(&cheapest(one, ImageLook(one, image.x, image.s, layer_.micro)));
  }
  const bool alike = std::equal(chosen.begin() + 1, chosen.end(), chosen.begin());
  if (alike) return chosen[0]->algorithm->get().run(shape, in, parallel);
  return run_images(shape.N, parallel, [&](int64_t n, const Parallel& threads) {
    return chosen[n]->algorithm->get().run(shape.image(n), image_inputs(shape, in, n), threads);
  });
}

}  // namespace spl
