// The algorithms of one layer: those of a table that its strategy allows, each made when first
// used, since weights packed for one that most data never takes should cost no memory.
#pragma once

#include <memory>
#include <vector>

#include "kernels/base/lazy.h"
#include "kernels/srmm/algorithms.h"

namespace spl {

// The operator's attribute: which kind of work comes first; kAuto leaves it to the costs.
enum class Strategy { kAuto, kSelect, kZeroSkip, kDense };

class AlgorithmSet {
 public:
  // `selects` says whether runs will have a selection. What `layer` points to must outlive this.
  AlgorithmSet(const AlgorithmTable& table, const SrmmLayer& layer, Strategy strategy,
               bool selects);
  AlgorithmSet(const AlgorithmSet&) = delete;
  AlgorithmSet& operator=(const AlgorithmSet&) = delete;

  // Each image takes the algorithm that its own shape, zeros and selection promise to be quickest,
  // so that results do not depend on what else is in the batch.
  Status run(const ConvShape& shape, const SrmmInputs& in, const Parallel& parallel) const;

  // The quickest for one image.
  const AlgorithmEntry& choose(const ConvShape& shape, const ImageLook& look) const;

  // Makes the quickest for one image now.
  void prepare(const ConvShape& shape, const ImageLook& look) const {
    cheapest(shape, look).algorithm->get();
  }

 private:
  struct Candidate {
    AlgorithmEntry entry;
    std::shared_ptr<Lazy<SrmmAlgorithm>> algorithm;
  };

  // Of the candidates that can compute `shape`, those of the kind of work that is wanted most.
  std::vector<const Candidate*> possible(const ConvShape& shape) const;
  const Candidate& cheapest(const ConvShape& shape, const ImageLook& look) const;

  SrmmLayer layer_;
  std::shared_ptr<Lazy<SrmmAlgorithm>> direct_;
  bool by_cost_alone_;
  std::vector<Candidate> candidates_;  // what is wanted most first
};

}  // namespace spl
