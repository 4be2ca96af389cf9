// Sizes that depend on the caller's tensors. A product that becomes a number of elements or bytes
// is made here, so that one that no tensor or memory can have is refused and never wraps around.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <new>

namespace spl {

// Far beyond any memory, and far enough below 2^63 for what is added to such a size.
constexpr int64_t kMostBytes = int64_t{1} << 61;

// What a caller should read instead of "std::bad_alloc". Making it needs no memory.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(size_t bytes) {
    std::snprintf(text_, sizeof text_, "not enough memory: wanted %zu bytes of work space", bytes);
  }
  const char* what() const noexcept override { return text_; }

 private:
  char text_[80];
};

// The product of sizes, 0 as soon as one is 0; -1 when one is negative or the product is above
// `most`.
inline int64_t product_within(const int64_t* sizes, size_t count, int64_t most) {
  int64_t product = 1;
  bool fits = true, empty = false;
  for (size_t i = 0; i < count; i++) {
    if (sizes[i] < 0) return -1;
    empty |= sizes[i] == 0;
    fits = fits && !__builtin_mul_overflow(product, sizes[i], &product) && product <= most;
  }
  return empty ? 0 : (fits ? product : -1);
}

// Whether sizes, those of 0 left out, have a product of at most `most`: then no product of some of
// them is larger either.
inline bool sizes_fit(const int64_t* sizes, size_t count, int64_t most) {
  int64_t product = 1;
  for (size_t i = 0; i < count; i++) {
    if (sizes[i] < 0) return false;
    if (sizes[i] == 0) continue;
    if (__builtin_mul_overflow(product, sizes[i], &product) || product > most) return false;
  }
  return true;
}

// The product of numbers of elements or bytes. Throws OutOfMemory where it is above kMostBytes.
inline size_t checked_size(std::initializer_list<int64_t> factors) {
  const int64_t size = product_within(factors.begin(), factors.size(), kMostBytes);
  if (size < 0) throw OutOfMemory(SIZE_MAX);
  return static_cast<size_t>(size);
}

}  // namespace spl
