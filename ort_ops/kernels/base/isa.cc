#include "kernels/base/isa.h"

#include <cstdlib>

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace spl {

// Of each instruction set of this build, slowest first: CMakeLists.txt has the rows.
#define SPL_ROW(isa)           \
  namespace isa {              \
  const MicroKernels& table(); \
  bool runs();                 \
  }
SPL_ISAS
#undef SPL_ROW

// runs(): whether the processor has everything that the flags in CMakeLists.txt let the compiler
// use.
namespace portable {
bool runs() { return true; }
}  // namespace portable

#ifdef __x86_64__
namespace avx2 {
// Older compilers do not know the name. On a processor without it the instruction is another one.
static bool has_lzcnt() {
  unsigned a, b, c, d;
  return __get_cpuid(0x80000001u, &a, &b, &c, &d) != 0 && (c & 1u << 5) != 0;
}
bool runs() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("popcnt") && has_lzcnt();
}
}  // namespace avx2

// Products of bytes on processors without AVX-512; with both, AVX-512 comes later in the list.
namespace avxvnni {
// Older compilers do not know this name either.
static bool has_avxvnni() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & 1u << 4) != 0;
}
bool runs() { return avx2::runs() && has_avxvnni(); }
}  // namespace avxvnni

namespace avx512 {
bool runs() {
  return avx2::runs() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
}  // namespace avx512

namespace avx512vnni {
bool runs() { return avx512::runs() && __builtin_cpu_supports("avx512vnni"); }
}  // namespace avx512vnni
#endif

namespace {

struct Entry {
  const MicroKernels* table;
  bool runs;
};

const std::vector<Entry>& entries() {
#define SPL_ROW(isa) {&isa::table(), isa::runs()},
  static const std::vector<Entry> all = {SPL_ISAS};
#undef SPL_ROW
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
