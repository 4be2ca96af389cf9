// Parts of the module spl_onnx._kernels.
#pragma once

#include <pybind11/pybind11.h>

namespace spl::python {

void bind_algorithms(pybind11::module_& m);
void bind_micro(pybind11::module_& m);

}  // namespace spl::python
