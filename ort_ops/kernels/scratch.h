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
    const size_t wanted = (count * sizeof(T) + 64 + 4095) / 4096 * 4096;
    if (wanted > size_) grow(wanted);
    return static_cast<T*>(data_);
  }

 private:
  void grow(size_t bytes) {
    std::free(data_);
    size_ = 0;
    data_ = std::aligned_alloc(4096, bytes);
    if (data_ == nullptr) throw std::bad_alloc();
    size_ = bytes;
  }

  void* data_ = nullptr;
  size_t size_ = 0;
};

// One set of named buffers per thread.
struct Scratch {
  Buffer input, accumulators, values, masks, starts, slots, lists, bits, rows;
};

inline Scratch& thread_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

}  // namespace spl
