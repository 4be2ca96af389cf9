// Result of a kernel: empty = done, otherwise one line for the user.
#pragma once

#include <atomic>
#include <string>

#include "kernels/parallel.h"

namespace spl {

using Message = std::string;

// Runs fn(i) -> Message for all i and returns one of the messages that are not empty, if any. An
// exception becomes a message: it must not cross the caller's thread pool.
template <class F>
Message run_all(const Parallel& parallel, size_t count, F&& fn) {
  std::atomic_flag taken = ATOMIC_FLAG_INIT;
  Message first;
  auto report = [&](const char* text) {
    if (!taken.test_and_set()) first = text;
  };
  parallel.run(count, [&](size_t i) {
    try {
      const Message message = fn(i);
      if (!message.empty()) report(message.c_str());
    } catch (const std::exception& e) {
      report(e.what());
    } catch (...) {
      report("unknown failure in a kernel");
    }
  });
  return first;
}

}  // namespace spl
