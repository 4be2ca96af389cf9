// Choice of the instruction set, once, when first asked.
#pragma once

#include <string>
#include <vector>

#include "kernels/micro/micro.h"

namespace spl {

// Instruction sets this build has and this processor runs, slowest first.
std::vector<std::string> available_isas();

// The table named by the environment variable SPL_ONNX_ISA, or the fastest one. When the variable
// names no available set, `problem` says so and the fastest one is returned.
const MicroKernels& active_kernels(std::string* problem = nullptr);

// The table of one instruction set by name, or null.
const MicroKernels* kernels_for(const std::string& isa);

}  // namespace spl
