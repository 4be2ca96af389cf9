// The session's thread pool as the kernels want it.
#pragma once

#include "kernels/base/parallel.h"
#include "ops/ort_call.h"

namespace spl {

inline Parallel session_threads(const ort::Context& context, ThreadsSeen* seen) {
  return {[](void* self, size_t count, Parallel::Body fn, void* arg) {
            // Batch count 0: threads claim one index at a time, which balances unequal units.
            OrtStatus* status = ort::call<OrtStatus*>(ort::KernelContext_ParallelFor,
                                                      static_cast<const OrtKernelContext*>(self),
                                                      fn, count, size_t{0}, arg);
            if (status == nullptr) return;
            ort::call<void>(ort::ReleaseStatus, status);
            for (size_t i = 0; i < count; i++) fn(arg, i);  // refused before the first index
          },
          context.raw(), seen};
}

}  // namespace spl
