// The micro kernels themselves, for tests that call them on memory of their own.
#include <map>

#include "python/arguments.h"
#include "python/bindings.h"

namespace spl::python {
namespace {

// Of each micro kernel of an instruction set its result, its arguments and its address.
std::map<std::string, py::tuple> micro_kernels(const Maybe<std::string>& isa) {
  const spl::MicroKernels& table = micro_for(isa);
  std::map<std::string, py::tuple> kernels;
#define SPL_KERNEL(result, name, arguments) \
  kernels[#name] = py::make_tuple(#result, #arguments, reinterpret_cast<uintptr_t>(table.name))
#include "kernels/micro/kernels.inc"
  return kernels;
}

// What its callers must know of an instruction set.
std::map<std::string, int> micro_constants(const Maybe<std::string>& isa) {
  const spl::MicroKernels& table = micro_for(isa);
  return {{"unit_channels", table.unit_channels},
          {"slide_blocks", table.slide_blocks},
          {"tap_blocks", table.tap_blocks}};
}

}  // namespace

void bind_micro(py::module_& m) {
  m.def("micro_kernels", &micro_kernels, py::arg("isa") = py::none(),
        "Result, arguments and address of every micro kernel, as C++ has them, by name.");
  m.def("micro_constants", &micro_constants, py::arg("isa") = py::none(),
        "Numbers of an instruction set by name.");
}

}  // namespace spl::python
