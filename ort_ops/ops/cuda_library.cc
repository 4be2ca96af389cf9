#include "ops/cuda_library.h"

#ifdef __linux__
#include <dlfcn.h>
#endif

#include <string>

namespace spl {

#ifdef __linux__
namespace {

constexpr char kDriver[] = "libcuda.so.1";

// The path of a file beside this library.
std::string beside(const char* name) {
  Dl_info here;
  if (dladdr(reinterpret_cast<const void*>(&load_cuda_ops), &here) == 0) return name;
  const std::string path = here.dli_fname;
  return path.substr(0, path.rfind('/') + 1) + name;
}

}  // namespace

CudaOps load_cuda_ops(const OrtApi* api, bool infer_shapes) {
  CudaOps found;
  // Both stay open as long as the process, like the operators.
  if (dlopen(kDriver, RTLD_LAZY | RTLD_LOCAL) == nullptr) return found;
  void* library = dlopen(beside(kCudaLibrary).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return found;
  const auto entry = reinterpret_cast<CudaEntry>(dlsym(library, kCudaEntry));
  if (entry != nullptr) entry(api, infer_shapes, &found);
  return found;
}
#else
CudaOps load_cuda_ops(const OrtApi*, bool) { return {}; }
#endif

}  // namespace spl
