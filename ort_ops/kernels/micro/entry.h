// The entry points of one instruction set; table.cc collects them.
#pragma once

#include "kernels/micro/micro.h"

namespace spl {
namespace SPL_ISA {

#define SPL_KERNEL(result, name, arguments) result name arguments
#include "kernels/micro/kernels.inc"

}  // namespace SPL_ISA
}  // namespace spl
