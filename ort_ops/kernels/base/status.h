// Result of a kernel: empty = done, otherwise one line for the user.
#pragma once

#include <atomic>
#include <exception>
#include <string>
#include <utility>

#include "kernels/base/parallel.h"

namespace spl {

using Status = std::string;

// Keeps the first of the messages that units of work report, from any thread; never throws.
class FirstStatus {
 public:
  void report(const char* text) noexcept {
    if (taken_.test_and_set()) return;
    try {
      message_ = text;
    } catch (...) {
      message_ = "no memory left";  // so short that it needs none
    }
  }
  // Once all units are done.
  Status take() { return std::move(message_); }

 private:
  std::atomic_flag taken_ = ATOMIC_FLAG_INIT;
  Status message_;
};

// Runs fn(i) -> Status for all i and returns one of the messages that are not empty, if any. An
// exception becomes a message: it must not cross the caller's thread pool.
template <class F>
Status run_all(const Parallel& parallel, size_t count, F&& fn) {
  FirstStatus first;
  parallel.run(count, [&](size_t i) {
    try {
      const Status message = fn(i);
      if (!message.empty()) first.report(message.c_str());
    } catch (const std::exception& e) {
      first.report(e.what());
    } catch (...) {
      first.report("unknown failure in a kernel");
    }
  });
  return first.take();
}

}  // namespace spl
