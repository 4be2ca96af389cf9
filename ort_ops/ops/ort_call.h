// Calls into ONNX Runtime's function table, with errors as exceptions. Exceptions stay inside the
// library: guarded() turns them into a status at every entry point.
#pragma once

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/base/checked_size.h"
#include "ops/ort_abi.h"

namespace spl::ort {

// ONNX Runtime's functions, the same ones for the whole process: operators and their domains are
// made once, and what one ONNX Runtime made the other cannot use.
extern const OrtApi* api;

// What depends on its release.
struct Runtime {
  // Before 1.24 it crashes on a node with an omitted input in the middle (S, Xscale) when the
  // operator infers shapes: seen with 1.17.3, 1.18.1, 1.19.2, 1.20.1, 1.22.1 and 1.23.2.
  bool infers_shapes;
  // From 1.21 on its MaxPool gives one place where the window is larger than the padded image by
  // less than a stride, before none (ConvAttributes::pool_short): seen with 1.17.3, 1.18.1, 1.20.1,
  // 1.21.1, 1.22.1, 1.23.2 and 1.32.0.
  bool short_windows;
};
extern Runtime runtime;
Runtime runtime_of(const char* version);

// Sets `api` and `runtime` before any other call. False where `api` is another's already. Threads
// may register at once; those that read them later do so behind the session that they made.
bool use_api(const OrtApi* functions, const Runtime& release);

// What the user did wrong; becomes INVALID_ARGUMENT.
struct InvalidArgument : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Arguments must have exactly the C types of the official signature.
template <class R, class... A>
R call(Slot slot, A... args) {
  return reinterpret_cast<R (*)(A...)>(api->slots[slot])(args...);
}

inline OrtStatus* make_status(ErrorCode code, const char* text) {
  return call<OrtStatus*, int, const char*>(CreateStatus, code, text);
}

// A status that means failure, as an exception with our own text. Literals are not copied unless
// there is one: a node makes a dozen calls, and a small one runs for a microsecond.
template <class Text>
void require_ok(OrtStatus* status, const Text& text) {
  if (status == nullptr) return;
  call<void>(ReleaseStatus, status);
  throw InvalidArgument(text);
}

template <class F>
OrtStatus* guarded(F&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const InvalidArgument& e) {
    return make_status(kInvalidArgument, e.what());
  } catch (const OutOfMemory& e) {
    return make_status(kFail, e.what());
  } catch (const std::bad_alloc&) {
    return make_status(kFail, "not enough memory");
  } catch (const std::exception& e) {
    return make_status(kFail, e.what());
  } catch (...) {
    return make_status(kFail, "spl-onnx: unknown failure");
  }
}

// --- Tensors -------------------------------------------------------------------------------------
struct Tensor {
  const void* data = nullptr;  // null = the optional input is missing
  int type = 0;
  std::vector<int64_t> dims;

  bool present() const { return data != nullptr || !dims.empty(); }
  bool one_element() const { return product_within(dims.data(), dims.size(), 1) == 1; }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

Tensor read_tensor(const OrtValue* value);

// --- Kernel creation -----------------------------------------------------------------------------
class Info {
 public:
  explicit Info(const OrtKernelInfo* info) : info_(info) {}
  int64_t integer(const char* name) const;
  float real(const char* name) const;
  std::string text(const char* name) const;
  // The same where models may lack it.
  std::string text_or(const char* name, const char* otherwise) const;
  std::vector<int64_t> integers(const char* name, size_t count) const;
  bool has_input(size_t index) const;  // whether the node connects this optional input
  // Value of an input that never changes, which stays valid as long as the session; else missing.
  Tensor constant(size_t index) const;
  std::string node_name() const;

 private:
  const OrtKernelInfo* info_;
};

// --- Kernel computation --------------------------------------------------------------------------
class Context {
 public:
  explicit Context(OrtKernelContext* context);
  Tensor input(size_t index) const;
  void* output(const std::vector<int64_t>& dims) const;
  OrtKernelContext* raw() const { return context_; }

 private:
  OrtKernelContext* context_;
  size_t inputs_;
};

// --- Shape inference -----------------------------------------------------------------------------
struct Dimension {
  int64_t size;      // below 0 = unknown
  std::string name;  // of an unknown one, may be empty

  bool told() const { return size >= 0 || !name.empty(); }
};

class InferContext {
 public:
  explicit InferContext(OrtShapeInferContext* context) : context_(context) {}
  // Empty when the rank is unknown.
  std::vector<Dimension> input(size_t index) const;
  int element_type(size_t index) const;  // 0 when it is unknown
  int64_t integer(const char* name) const;
  std::vector<int64_t> integers(const char* name, size_t count) const;
  // Says nothing, and leaves the output without a rank, unless every dimension has a size or a
  // name. ONNX Runtime knows no dimension without either: it would take the -1 for a size, share
  // memory and fold constants by it. Names are for dimensions of equal size only.
  void set_output(int type, const std::vector<Dimension>& dims) const;

 private:
  const OrtOpAttr* attribute(const char* name) const;
  OrtShapeInferContext* context_;
};

}  // namespace spl::ort
