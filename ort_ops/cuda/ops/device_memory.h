// Memory of the device, and the stream that a node's work goes to.
#pragma once

#include "cuda/kernels/host.h"
#include "ops/ort_call.h"

namespace spl::cuda {

// Throws unless the work is queued.
void require_queued(Status status);

Stream stream_of(const ort::Context& context);

// Whether ONNX Runtime can tie memory to a stream (1.18 and newer).
void allow_stream_memory(bool allowed);

// Memory for one call, from ONNX Runtime's allocator of the device that holds input 0. Freed when
// the work that uses it is queued: memory that is tied to a stream goes to later work of that
// stream only. Where it cannot be tied, runs of one session must not overlap.
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
    require_queued(allocate(&data_, bytes));
    const Status status = first_failure(
        wait_for_device(),  // the weights have arrived
        [&] { return fill(data_); }, wait_for_device);
    if (status != 0) release(data_);
    require_queued(status);
  }
  ~Packed() { release(data_); }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

}  // namespace spl::cuda
