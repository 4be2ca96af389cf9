// Something that is made when first asked for, once, from any thread: weights packed for a way of
// computing that most data never takes should cost no memory.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace spl {

template <class T>
class Lazy {
 public:
  explicit Lazy(std::function<std::unique_ptr<T>()> make) : make_(std::move(make)) {}
  const T& get() const {
    std::call_once(once_, [this] { value_ = make_(); });
    return *value_;
  }

 private:
  std::function<std::unique_ptr<T>()> make_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<T> value_;
};

}  // namespace spl
