#include "kernels/base/isa.h"

#include <cstdlib>

#ifdef SPL_HAVE_avx2
#include <cpuid.h>
#endif

namespace spl {

#define SPL_DECLARE(isa)       \
  namespace isa {              \
  const MicroKernels& table(); \
  }
SPL_DECLARE(portable)
#ifdef SPL_HAVE_avx2
SPL_DECLARE(avx2)
#endif
#ifdef SPL_HAVE_avx512
SPL_DECLARE(avx512)
SPL_DECLARE(avx512vnni)
#endif
#undef SPL_DECLARE

namespace {

struct Entry {
  const MicroKernels* table;
  bool runs;
};

// Everything that the flags in CMakeLists.txt let the compiler use.
#ifdef SPL_HAVE_avx2
// Older compilers do not know the name. On a processor without it the instruction is another one.
bool has_lzcnt() {
  unsigned a, b, c, d;
  return __get_cpuid(0x80000001u, &a, &b, &c, &d) != 0 && (c & 1u << 5) != 0;
}
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("popcnt") && has_lzcnt();
}
#endif
#ifdef SPL_HAVE_avx512
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = {
      {&portable::table(), true},
#ifdef SPL_HAVE_avx2
      {&avx2::table(), has_avx2()},
#endif
#ifdef SPL_HAVE_avx512
      {&avx512::table(), has_avx512()},
      {&avx512vnni::table(), has_avx512() && __builtin_cpu_supports("avx512vnni")},
#endif
  };
  return all;
}

struct Choice {
  const MicroKernels* table;
  std::string problem;
};

Choice choose() {
  const MicroKernels* best = nullptr;
  for (const Entry& entry : entries())
    if (entry.runs) best = entry.table;
  const char* wanted = std::getenv("SPL_ONNX_ISA");
  if (wanted == nullptr || *wanted == '\0') return {best, ""};
  if (const MicroKernels* named = kernels_for(wanted)) return {named, ""};
  std::string names;
  for (const std::string& isa : available_isas()) names += (names.empty() ? "" : ", ") + isa;
  return {best, std::string("SPL_ONNX_ISA: got '") + wanted + "', wanted one of " + names +
                    " on this processor; unset it to use the fastest"};
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Entry& entry : entries())
    if (entry.runs) names.push_back(entry.table->isa);
  return names;
}

const MicroKernels* kernels_for(const std::string& isa) {
  for (const Entry& entry : entries())
    if (entry.runs && isa == entry.table->isa) return entry.table;
  return nullptr;
}

const MicroKernels& active_kernels(std::string* problem) {
  static const Choice choice = choose();
  if (problem != nullptr) *problem = choice.problem;
  return *choice.table;
}

}  // namespace spl
