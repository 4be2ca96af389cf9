// Aligned memory that a thread keeps between calls: fresh pages would cost more than many layers.
// Kernels get pointers from here before their loops and never allocate inside them.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace spl {

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  // At least `count` elements, 64-byte aligned, followed by 64 readable bytes; content undefined.
  // Throws std::bad_alloc.
  template <class T>
  T* get(size_t count) {
#ifdef __SANITIZE_ADDRESS__
    // Nothing beyond what was asked for, so that the sanitizer sees every step too far.
    const size_t wanted = count * sizeof(T) + 64;
    if (wanted != size_) grow(wanted);
#else
    const size_t wanted = (count * sizeof(T) + 64 + 4095) / 4096 * 4096;
    if (wanted > size_) grow(wanted);
#endif
    return static_cast<T*>(data_);
  }

 private:
  void grow(size_t bytes) {
    std::free(data_);
    size_ = 0;
    data_ = nullptr;
    if (posix_memalign(&data_, 4096, bytes) != 0) throw std::bad_alloc();
    size_ = bytes;
  }

  void* data_ = nullptr;
  size_t size_ = 0;
};

// One set of named buffers per thread.
struct Scratch {
  Buffer input, accumulators, values, masks, starts, slots, lists, bits, rows, image;
};

inline Scratch& thread_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

}  // namespace spl
