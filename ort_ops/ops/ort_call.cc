#include "ops/ort_call.h"

#include <algorithm>
#include <cstdio>
#include <mutex>

namespace spl::ort {

const OrtApi* api = nullptr;
Runtime runtime = {};

Runtime runtime_of(const char* version) {
  int major = 0, minor = 0;
  if (std::sscanf(version, "%d.%d", &major, &minor) != 2) return {false, true};
  return {major > 1 || minor >= 24, major > 1 || minor >= 21};
}

bool use_api(const OrtApi* functions, const Runtime& release) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (api == nullptr) api = functions, runtime = release;
  return api == functions;
}

namespace {

struct ShapeInfo {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  bool owned = true;
  ~ShapeInfo() {
    if (owned && info != nullptr) call<void>(ReleaseTensorTypeAndShapeInfo, info);
  }
  std::vector<int64_t> dims() const {
    size_t rank = 0;
    const OrtTensorTypeAndShapeInfo* constant = info;
    require_ok(call<OrtStatus*>(GetDimensionsCount, constant, &rank),
               "cannot read a tensor's rank");
    std::vector<int64_t> sizes(rank);
    require_ok(call<OrtStatus*>(GetDimensions, constant, sizes.data(), rank),
               "cannot read a tensor's shape");
    return sizes;
  }
};

std::string missing(const char* name) {
  return std::string("attribute ") + name + " is missing or of another type; every attribute of " +
         "docs/operators.md must be written on the node";
}

}  // namespace

Tensor read_tensor(const OrtValue* value) {
  Tensor tensor;
  if (value == nullptr) return tensor;
  ShapeInfo shape;
  require_ok(call<OrtStatus*>(GetTensorTypeAndShape, value, &shape.info), "input is not a tensor");
  tensor.dims = shape.dims();
  require_ok(
      call<OrtStatus*>(GetTensorElementType,
                       static_cast<const OrtTensorTypeAndShapeInfo*>(shape.info), &tensor.type),
      "cannot read a tensor's type");
  void* data = nullptr;
  require_ok(call<OrtStatus*>(GetTensorMutableData, const_cast<OrtValue*>(value), &data),
             "cannot read a tensor's data");
  tensor.data = data;
  return tensor;
}

int64_t Info::integer(const char* name) const {
  int64_t value = 0;
  require_ok(call<OrtStatus*>(KernelInfoGetAttribute_int64, info_, name, &value), missing(name));
  return value;
}

float Info::real(const char* name) const {
  float value = 0;
  require_ok(call<OrtStatus*>(KernelInfoGetAttribute_float, info_, name, &value), missing(name));
  return value;
}

std::string Info::text(const char* name) const {
  size_t size = 0;
  char* none = nullptr;
  require_ok(call<OrtStatus*>(KernelInfoGetAttribute_string, info_, name, none, &size),
             missing(name));
  std::string value(size, '\0');
  require_ok(call<OrtStatus*>(KernelInfoGetAttribute_string, info_, name, value.data(), &size),
             missing(name));
  value.resize(size > 0 ? size - 1 : 0);  // the size counts the final zero byte
  return value;
}

namespace {

// Whether a node has an attribute that is read by `slot`.
template <class T>
bool is_read_by(Slot slot, const OrtKernelInfo* info, const char* name) {
  T* none = nullptr;
  size_t size = 0;
  OrtStatus* status = call<OrtStatus*>(slot, info, name, none, &size);
  if (status == nullptr) return true;
  call<void>(ReleaseStatus, status);
  return false;
}

template <class T>
bool is_one(Slot slot, const OrtKernelInfo* info, const char* name) {
  T value{};
  OrtStatus* status = call<OrtStatus*>(slot, info, name, &value);
  if (status == nullptr) return true;
  call<void>(ReleaseStatus, status);
  return false;
}

}  // namespace

std::string Info::text_or(const char* name, const char* otherwise) const {
  if (is_read_by<char>(KernelInfoGetAttribute_string, info_, name)) return text(name);
  if (is_one<int64_t>(KernelInfoGetAttribute_int64, info_, name) ||
      is_one<float>(KernelInfoGetAttribute_float, info_, name) ||
      is_read_by<int64_t>(KernelInfoGetAttributeArray_int64, info_, name) ||
      is_read_by<float>(KernelInfoGetAttributeArray_float, info_, name))
    throw InvalidArgument("attribute " + std::string(name) + ": got numbers, wanted a text");
  return otherwise;
}

std::vector<int64_t> Info::integers(const char* name, size_t count) const {
  size_t size = 0;
  int64_t* none = nullptr;
  require_ok(call<OrtStatus*>(KernelInfoGetAttributeArray_int64, info_, name, none, &size),
             missing(name));
  if (size != count)
    throw InvalidArgument(std::string("attribute ") + name + ": got " + std::to_string(size) +
                          " values, wanted " + std::to_string(count));
  std::vector<int64_t> values(size);
  require_ok(call<OrtStatus*>(KernelInfoGetAttributeArray_int64, info_, name, values.data(), &size),
             missing(name));
  return values;
}

bool Info::has_input(size_t index) const {
  size_t count = 0;
  require_ok(call<OrtStatus*>(KernelInfo_GetInputCount, info_, &count), "cannot count inputs");
  if (index >= count) return false;
  size_t size = 0;
  char* none = nullptr;
  require_ok(call<OrtStatus*>(KernelInfo_GetInputName, info_, index, none, &size),
             "cannot read an input's name");
  return size > 1;  // an omitted input has an empty name and its final zero byte
}

Tensor Info::constant(size_t index) const {
  if (!has_input(index)) return {};
  int is_constant = 0;
  const OrtValue* value = nullptr;
  require_ok(
      call<OrtStatus*>(KernelInfoGetConstantInput_tensor, info_, index, &is_constant, &value),
      "cannot read a constant input");
  return is_constant ? read_tensor(value) : Tensor();
}

std::string Info::node_name() const {
  size_t size = 0;
  char* none = nullptr;
  require_ok(call<OrtStatus*>(KernelInfo_GetNodeName, info_, none, &size),
             "cannot read a node name");
  std::string value(size, '\0');
  require_ok(call<OrtStatus*>(KernelInfo_GetNodeName, info_, value.data(), &size),
             "cannot read a node name");
  value.resize(size > 0 ? size - 1 : 0);
  return value;
}

Context::Context(OrtKernelContext* context) : context_(context), inputs_(0) {
  require_ok(call<OrtStatus*>(KernelContext_GetInputCount,
                              static_cast<const OrtKernelContext*>(context), &inputs_),
             "cannot count inputs");
}

Tensor Context::input(size_t index) const {
  if (index >= inputs_) return {};
  const OrtValue* value = nullptr;
  require_ok(call<OrtStatus*>(KernelContext_GetInput,
                              static_cast<const OrtKernelContext*>(context_), index, &value),
             "cannot read an input");
  return read_tensor(value);
}

void* Context::output(const std::vector<int64_t>& dims) const {
  OrtValue* value = nullptr;
  require_ok(call<OrtStatus*>(KernelContext_GetOutput, context_, size_t{0}, dims.data(),
                              dims.size(), &value),
             "cannot allocate the output");
  void* data = nullptr;
  require_ok(call<OrtStatus*>(GetTensorMutableData, value, &data), "cannot write the output");
  return data;
}

std::vector<Dimension> InferContext::input(size_t index) const {
  size_t count = 0;
  require_ok(call<OrtStatus*>(ShapeInferContext_GetInputCount,
                              static_cast<const OrtShapeInferContext*>(context_), &count),
             "cannot count inputs");
  if (index >= count) return {};
  ShapeInfo shape;
  shape.owned = false;  // belongs to the context
  OrtStatus* status =
      call<OrtStatus*>(ShapeInferContext_GetInputTypeShape,
                       static_cast<const OrtShapeInferContext*>(context_), index, &shape.info);
  if (status != nullptr || shape.info == nullptr) {
    if (status != nullptr) call<void>(ReleaseStatus, status);
    return {};
  }
  std::vector<Dimension> dims;
  const std::vector<int64_t> sizes = shape.dims();
  std::vector<const char*> names(sizes.size(), nullptr);
  require_ok(call<OrtStatus*>(GetSymbolicDimensions,
                              static_cast<const OrtTensorTypeAndShapeInfo*>(shape.info),
                              names.data(), names.size()),
             "cannot read symbolic dimensions");
  for (size_t i = 0; i < sizes.size(); i++)
    dims.push_back({sizes[i], names[i] != nullptr ? names[i] : ""});
  return dims;
}

int InferContext::element_type(size_t index) const {
  OrtTensorTypeAndShapeInfo* info = nullptr;  // belongs to the context
  OrtStatus* status =
      call<OrtStatus*>(ShapeInferContext_GetInputTypeShape,
                       static_cast<const OrtShapeInferContext*>(context_), index, &info);
  int type = 0;
  if (status == nullptr && info != nullptr)
    status = call<OrtStatus*>(GetTensorElementType,
                              static_cast<const OrtTensorTypeAndShapeInfo*>(info), &type);
  if (status != nullptr) call<void>(ReleaseStatus, status);
  return type;
}

const OrtOpAttr* InferContext::attribute(const char* name) const {
  const OrtOpAttr* value = nullptr;
  require_ok(call<OrtStatus*>(ShapeInferContext_GetAttribute,
                              static_cast<const OrtShapeInferContext*>(context_), name, &value),
             missing(name));
  if (value == nullptr) throw InvalidArgument(missing(name));
  return value;
}

int64_t InferContext::integer(const char* name) const {
  int64_t value = 0;
  size_t written = 0;
  require_ok(call<OrtStatus*>(ReadOpAttr, attribute(name), static_cast<int>(kAttributeInt),
                              static_cast<void*>(&value), sizeof(value), &written),
             missing(name));
  return value;
}

std::vector<int64_t> InferContext::integers(const char* name, size_t count) const {
  std::vector<int64_t> values(count);
  size_t written = 0;  // bytes
  require_ok(call<OrtStatus*>(ReadOpAttr, attribute(name), static_cast<int>(kAttributeInts),
                              static_cast<void*>(values.data()), count * sizeof(int64_t), &written),
             std::string("attribute ") + name + ": wanted " + std::to_string(count) + " values");
  if (written != count * sizeof(int64_t))
    throw InvalidArgument(std::string("attribute ") + name + ": wanted " + std::to_string(count) +
                          " values");
  return values;
}

void InferContext::set_output(int type, const std::vector<Dimension>& dims) const {
  if (!std::all_of(dims.begin(), dims.end(), [](const Dimension& d) { return d.told(); })) return;
  ShapeInfo shape;
  require_ok(call<OrtStatus*>(CreateTensorTypeAndShapeInfo, &shape.info), "cannot make a shape");
  require_ok(call<OrtStatus*>(SetTensorElementType, shape.info, type), "cannot set a type");
  // Names first, then numbers: the order in which both survive.
  std::vector<const char*> names;
  std::vector<int64_t> sizes;
  for (const Dimension& d : dims) {
    names.push_back(d.size < 0 ? d.name.c_str() : "");
    sizes.push_back(d.size);
  }
  require_ok(call<OrtStatus*>(SetSymbolicDimensions, shape.info, names.data(), names.size()),
             "cannot set symbolic dimensions");
  require_ok(call<OrtStatus*>(SetDimensions, shape.info, static_cast<const int64_t*>(sizes.data()),
                              sizes.size()),
             "cannot set dimensions");
  require_ok(call<OrtStatus*>(ShapeInferContext_SetOutputTypeShape,
                              static_cast<const OrtShapeInferContext*>(context_), size_t{0},
                              static_cast<const OrtTensorTypeAndShapeInfo*>(shape.info)),
             "cannot set the output shape");
}

}  // namespace spl::ort
