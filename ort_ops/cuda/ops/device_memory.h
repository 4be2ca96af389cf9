// Memory of the device, and the stream that a node's work goes to.
#pragma once

#include "cuda/kernels/device.h"
#include "ops/ort_call.h"

namespace spl::cuda {

// Throws unless the work is queued.
void require_queued(Status status);

Stream stream_of(const ort::Context& context);

// Memory for one call, from ONNX Runtime's allocator of the device that holds input 0. Freed when
// the work that uses it is queued: the allocator gives it to later work of the same stream only.
class Scratch {
 public:
  Scratch(const ort::Context& context, size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  OrtAllocator* allocator_ = nullptr;
  void* data_ = nullptr;
};

// Memory as long as a node: weights in another order.
class Packed {
 public:
  // fill(memory) queues on the null stream what writes it; it is done when the constructor returns.
  template <class Fill>
  Packed(size_t bytes, Fill fill) {
    require_queued(static_cast<Status>(cudaMalloc(&data_, bytes)));
    Status status = static_cast<Status>(cudaDeviceSynchronize());  // the weights have arrived
    status = first_failure(
        status, [&] { return fill(data_); },
        [] { return static_cast<Status>(cudaDeviceSynchronize()); });
    if (status != 0) cudaFree(data_);
    require_queued(status);
  }
  ~Packed() { cudaFree(data_); }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

}  // namespace spl::cuda
