#include "cuda/ops/device_memory.h"

namespace spl::cuda {
namespace {

bool stream_memory = false;

}  // namespace

void allow_stream_memory(bool allowed) { stream_memory = allowed; }

void require_queued(Status status) {
  if (status == 0) return;
  const std::string text = std::string("CUDA: ") + status_text(status);
  if (status < 0) throw ort::InvalidArgument(text);
  throw std::runtime_error(text);
}

Stream stream_of(const ort::Context& context) {
  void* stream = nullptr;
  ort::require_ok(
      ort::call<OrtStatus*>(ort::KernelContext_GetGPUComputeStream,
                            static_cast<const OrtKernelContext*>(context.raw()), &stream),
      "ONNX Runtime gives no CUDA stream");
  return static_cast<Stream>(stream);
}

Scratch::Scratch(const ort::Context& context, size_t bytes) {
  if (bytes == 0) return;
  const auto* raw = static_cast<const OrtKernelContext*>(context.raw());
  const OrtValue* value = nullptr;
  ort::require_ok(ort::call<OrtStatus*>(ort::KernelContext_GetInput, raw, size_t{0}, &value),
                  "cannot read an input");
  const OrtMemoryInfo* place = nullptr;
  ort::require_ok(ort::call<OrtStatus*>(ort::GetTensorMemoryInfo, value, &place),
                  "cannot see where an input is");
  ort::require_ok(ort::call<OrtStatus*>(ort::KernelContext_GetAllocator, raw, place, &allocator_),
                  "ONNX Runtime gives no allocator for the device");
  const bool tied = stream_memory && stream_of(context) != nullptr;
  OrtStatus* status =
      tied ? ort::call<OrtStatus*>(ort::KernelContext_GetScratchBuffer, raw, place, bytes, &data_)
           : ort::call<OrtStatus*>(ort::AllocatorAlloc, allocator_, bytes, &data_);
  if (status == nullptr && data_ != nullptr) return;
  if (status != nullptr) ort::call<void>(ort::ReleaseStatus, status);
  ort::call<void>(ort::ReleaseAllocator, allocator_);
  throw std::runtime_error("no " + std::to_string(bytes) + " bytes of device memory left");
}

Scratch::~Scratch() {
  if (allocator_ == nullptr) return;
  OrtStatus* status = ort::call<OrtStatus*>(ort::AllocatorFree, allocator_, data_);
  if (status != nullptr) ort::call<void>(ort::ReleaseStatus, status);
  ort::call<void>(ort::ReleaseAllocator, allocator_);
}

}  // namespace spl::cuda
