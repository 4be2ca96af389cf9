// The attribute w_perm, when a kernel is made or shapes are inferred.
#pragma once

#include <vector>

#include "kernels/shape/geometry.h"
#include "ops/ort_call.h"

namespace spl {

// Whether weights lie as [K,O]: w_perm is what makes them so.
template <class Source>
bool lie_transposed(const Source& from) {
  const std::vector<int64_t> perm = from.integers("w_perm", 2);
  if (perm != std::vector<int64_t>{1, 0} && perm != std::vector<int64_t>{0, 1})
    throw ort::InvalidArgument("attribute w_perm: got " + shape_text(perm.data(), 2) +
                               ", wanted [1,0] for weights [O,K] or [0,1] for weights [K,O]");
  return perm[0] == 0;
}

}  // namespace spl
