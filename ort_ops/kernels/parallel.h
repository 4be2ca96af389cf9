// How kernels get threads: a function of the caller that runs fn(arg, i) for i in [0, count) in any
// order, on any thread, and returns when all are done. Inside ONNX Runtime this is the session's
// own pool; a second pool would fight with its spinning workers.
#pragma once

#include <atomic>
#include <cstddef>

namespace spl {

// How many different threads have worked for kernels so far. ONNX Runtime does not say how many a
// session has; how work is cut depends on this, what is computed does not.
inline std::atomic<int>& threads_seen() {
  static std::atomic<int> seen{0};
  return seen;
}

inline void see_thread() {
  static thread_local bool counted = false;
  if (!counted) threads_seen()++;
  counted = true;
}

struct Parallel {
  using Body = void (*)(void* arg, size_t index);
  using Runner = void (*)(void* self, size_t count, Body fn, void* arg);

  Runner runner = nullptr;  // null = serial
  void* self = nullptr;

  // fn(i) must not throw: an exception would cross a foreign thread pool.
  template <class F>
  void run(size_t count, F&& fn) const {
    if (runner == nullptr || count <= 1) {
      for (size_t i = 0; i < count; i++) fn(i);
      return;
    }
    runner(
        self, count,
        [](void* arg, size_t i) {
          see_thread();
          (*static_cast<F*>(arg))(i);
        },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }
};

}  // namespace spl
