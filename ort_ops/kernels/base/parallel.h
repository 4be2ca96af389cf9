// How kernels get threads: a function of the caller that runs fn(arg, i) for i in [0, count) in any
// order, on any thread, and returns when all are done. Inside ONNX Runtime this is the session's
// own pool; a second pool would fight with its spinning workers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/base/scratch.h"

namespace spl {

// The most threads that worked at once for the owner, which learns so how many its session has:
// ONNX Runtime does not say. How work is cut may depend on it, what is computed may not.
class ThreadsSeen {
 public:
  int most() const { return most_.load(std::memory_order_relaxed); }
  void note(int threads) {
    if (threads > most()) most_.store(threads, std::memory_order_relaxed);
  }

 private:
  std::atomic<int> most_{1};
};

struct Parallel {
  using Body = void (*)(void* arg, size_t index);
  using Runner = void (*)(void* self, size_t count, Body fn, void* arg);

  Runner runner = nullptr;  // null = serial
  void* self = nullptr;
  ThreadsSeen* seen = nullptr;

  int threads() const { return seen == nullptr ? 1 : seen->most(); }

  // fn(i) must not throw: an exception would cross a foreign thread pool.
  template <class F>
  void run(size_t count, F&& fn) const {
    if (runner == nullptr || count <= 1) {
      for (size_t i = 0; i < count; i++) fn(i);
      return;
    }
    Region<std::remove_reference_t<F>> region{&fn, next_region(), thread_scratch().run()};
    runner(
        self, count,
        [](void* arg, size_t i) {
          auto& region = *static_cast<Region<std::remove_reference_t<F>>*>(arg);
          region.count_thread();
          (*region.fn)(i);
        },
        &region);
    if (seen != nullptr) seen->note(region.threads);
  }

 private:
  static uint64_t next_region() {
    static std::atomic<uint64_t> last{0};
    return ++last;
  }

  template <class F>
  struct Region {
    F* fn;
    uint64_t id;
    Scratch::Run run;
    std::atomic<int> threads{0};

    void count_thread() {
      static thread_local uint64_t counted = 0;
      if (counted == id) return;
      counted = id;
      threads++;
      thread_scratch().join(run);
    }
  };
};

}  // namespace spl
