#include "ops/cuda_library.h"

#ifdef __linux__
#include <dlfcn.h>

#include <climits>
#endif

#include <cstdlib>
#include <string>

namespace spl {

#ifdef __linux__
namespace {

// The driver is part of the system: where it lies is the business of the system's loader, which
// looks where it looks for the C library too.
constexpr char kDriver[] = "libcuda.so.1";

// The folder of this library with links followed, and its final slash; empty where that cannot be
// told: a bare name would be looked for wherever the environment says.
std::string own_folder() {
  Dl_info here;
  char path[PATH_MAX];
  if (dladdr(reinterpret_cast<const void*>(&load_cuda_ops), &here) == 0 ||
      here.dli_fname == nullptr || realpath(here.dli_fname, path) == nullptr)
    return "";
  const std::string library = path;
  return library.substr(0, library.rfind('/') + 1);
}

// Asked for while the library is loaded: later, a path that it was given relative to the working
// folder may lead elsewhere.
const std::string kFolder = own_folder();

}  // namespace

CudaOps load_cuda_ops() {
  CudaOps found;
  // Both stay open as long as the process, like the operators.
  if (dlopen(kDriver, RTLD_LAZY | RTLD_LOCAL) == nullptr) return found;
  if (kFolder.empty()) return found;
  void* library = dlopen((kFolder + kCudaLibrary).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return found;
  const auto entry = reinterpret_cast<CudaEntry>(dlsym(library, kCudaEntry));
  if (entry != nullptr) entry(ort::api, ort::runtime, &found);
  return found;
}
#else
CudaOps load_cuda_ops() { return {}; }
#endif

}  // namespace spl
