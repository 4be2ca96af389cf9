// Aligned memory that a thread keeps between calls: fresh pages would cost more than many layers.
// Kernels get pointers from here before their loops and never allocate inside them.
//
// What calls of late did not need is given back: once in kTrimRuns calls that a thread takes part
// in, it frees its buffers that were more than twice too large for all of them. Calls are counted,
// because they are what makes memory useful again, and because counting costs nothing. A thread
// that takes part in no more calls keeps what it has until it ends.
#pragma once

#include <cstdlib>

#include "kernels/base/checked_size.h"

namespace spl {

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  // At least `count` elements, 64-byte aligned, followed by 64 readable bytes; content undefined.
  // Throws OutOfMemory, also for a count that is a negative number.
  template <class T>
  T* get(size_t count) {
    const size_t wanted = rounded(checked_size({static_cast<int64_t>(count), sizeof(T)}) + 64);
    if (wanted > most_) most_ = wanted;
    if (kExact ? wanted != size_ : wanted > size_) grow(wanted);
    return static_cast<T*>(data_);
  }

  size_t bytes() const { return size_; }

  // Frees memory more than twice as large as all that was asked for since the last call.
  void trim() {
    if (size_ > kKept && size_ / 2 > most_) release();
    most_ = 0;
  }

 private:
  static constexpr size_t kKept = 256 << 10;  // bytes that are not worth a thought
#ifdef __SANITIZE_ADDRESS__
  // Nothing beyond what was asked for, so that the sanitizer sees every step too far.
  static constexpr bool kExact = true;
#else
  static constexpr bool kExact = false;
#endif

  static size_t rounded(size_t bytes) { return kExact ? bytes : (bytes + 4095) / 4096 * 4096; }

  void release() {
    std::free(data_);
    data_ = nullptr;
    size_ = 0;
  }

  void grow(size_t bytes) {
    release();
    if (posix_memalign(&data_, 4096, bytes) != 0) {
      data_ = nullptr;
      throw OutOfMemory(bytes);
    }
    size_ = bytes;
  }

  void* data_ = nullptr;
  size_t size_ = 0, most_ = 0;
};

// One set of named buffers per thread.
struct Scratch {
  static constexpr int kListedTiles = 4;
  struct Listed {
    Buffer starts, slots, sums;
  };

  Buffer input, accumulators, values, masks, starts, slots, lists, bits, rows, image, winograd;
  Listed listed[kListedTiles];

  // A call of an operator, by the thread that makes it.
  struct Run {
    const Scratch* caller;
    uint64_t number;
  };

  // At the beginning of a call, while no kernel holds a pointer of this thread.
  void begin_run() {
    if (++runs_ % kTrimRuns == 0) trim();
  }
  Run run() const { return {this, runs_}; }
  // The same in a thread that helps with the call of another, as often as it likes.
  void join(const Run& run) {
    if (run.caller == this || (run.caller == joined_.caller && run.number == joined_.number))
      return;
    joined_ = run;
    begin_run();
  }

  // All that the thread keeps.
  size_t bytes() {
    size_t sum = 0;
    for_each([&](const Buffer& buffer) { sum += buffer.bytes(); });
    return sum;
  }

 private:
  // More than most networks have operators, so that what one pass needs is not given back in it.
  static constexpr uint64_t kTrimRuns = 256;

  template <class F>
  void for_each(F fn) {
    for (Buffer* buffer : {&input, &accumulators, &values, &masks, &starts, &slots, &lists, &bits,
                           &rows, &image, &winograd})
      fn(*buffer);
    for (Listed& tile : listed)
      for (Buffer* buffer : {&tile.starts, &tile.slots, &tile.sums}) fn(*buffer);
  }
  void trim() {
    for_each([](Buffer& buffer) { buffer.trim(); });
  }

  uint64_t runs_ = 0;
  Run joined_{nullptr, 0};
};

inline Scratch& thread_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

}  // namespace spl
