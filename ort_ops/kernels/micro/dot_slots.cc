// Dot products of one weight row with the patches of a list of slots.
//
// One 64-byte load per fused multiply-add is the limit of the core, so nothing else may load much.
// With AVX-512 the row (at most 18 lane blocks) stays in registers, and patches pass by as memory
// operands. 16 registers cannot hold the row: there the sums of up to 12 patches stay in registers,
// and each weight vector is loaded once for all of them.
//
// Slots are taken in balanced groups, so that 5 or more independent sums hide the latency of the
// multiply-add.
#include "kernels/micro/dot.h"
#include "kernels/micro/entry.h"

namespace spl {
namespace SPL_ISA {
namespace {

constexpr int kGroup = kRegisters == 32 ? 8 : (W == 8 ? 12 : 8);

template <int G>
SPL_INLINE void pointers(const char* packed, const int64_t* slot_offset, const uint16_t* slots,
                         const char** p) {
#pragma GCC unroll 12
  for (int i = 0; i < G; i++) p[i] = packed + slot_offset[slots[i]];
}

SPL_INLINE Vec operand(const char* p, int64_t offset) {
  return load(reinterpret_cast<const float*>(p + offset));
}

// Byte offset of lane block v; the named layouts fold to constants.
template <int L, int V>
SPL_INLINE int64_t offset_of(const int64_t* block_offset, int v) {
  if constexpr (L == DotBlocks::kConsecutive) return v * 64;
  constexpr int kInRow = V / 3, kPlaceBytes = V / 9 * 64;
  if constexpr (L == DotBlocks::kThreeRows)
    return v / kInRow * (kTilePitch * kPlaceBytes) + v % kInRow * 64;
  return block_offset[v];
}

// Row in registers: V lane blocks, each one vector.
template <int G, int V, int L>
SPL_INLINE void group_of_row(const Vec* w, const int64_t* block_offset, const char* const* p,
                             float* out) {
  Vec s[8];
#pragma GCC unroll 8
  for (int i = 0; i < G; i++) s[i] = zero();
#pragma GCC unroll 32
  for (int v = 0; v < V; v++) {
    const int64_t offset = offset_of<L, V>(block_offset, v);
#pragma GCC unroll 8
    for (int i = 0; i < G; i++) s[i] = fma(w[v], operand(p[i], offset), s[i]);
  }
  add_sums<G>(s, out);
}

// Sums in registers: any number of lane blocks.
template <int G>
SPL_INLINE void group_of_sums(const float* weights, const int64_t* block_offset, int blocks,
                              const char* const* p, float* out) {
  Vec s[12];
#pragma GCC unroll 12
  for (int i = 0; i < G; i++) s[i] = zero();
  for (int v = 0; v < blocks; v++) {
#pragma GCC unroll 4
    for (int h = 0; h < kPerBlock; h++) {
      const Vec w = load(weights + v * kLanes + h * W);
      const int64_t offset = block_offset[v] + h * W * 4;
#pragma GCC unroll 12
      for (int i = 0; i < G; i++) s[i] = fma(w, operand(p[i], offset), s[i]);
    }
  }
  add_sums<G>(s, out);
}

struct Call {
  const float* weights;
  const int64_t* block_offset;
  int blocks;
  const char* packed;
  const int64_t* slot_offset;
};

template <int V, int L>
struct RowInRegisters {
  Vec w[V];
  explicit SPL_MEMBER RowInRegisters(const Call& c) {
#pragma GCC unroll 32
    for (int v = 0; v < V; v++) w[v] = load(c.weights + v * kLanes);
  }
  template <int G>
  SPL_MEMBER void group(const Call& c, const uint16_t* slots, float* out) const {
    const char* p[G];
    pointers<G>(c.packed, c.slot_offset, slots, p);
    group_of_row<G, V, L>(w, c.block_offset, p, out);
  }
};

struct SumsInRegisters {
  explicit SPL_MEMBER SumsInRegisters(const Call&) {}
  template <int G>
  SPL_MEMBER void group(const Call& c, const uint16_t* slots, float* out) const {
    const char* p[G];
    pointers<G>(c.packed, c.slot_offset, slots, p);
    group_of_sums<G>(c.weights, c.block_offset, c.blocks, p, out);
  }
};

// Whole groups, but the last two of equal size: a last group of one slot would run at the latency
// of its chain. (A division here would take as long as a group.)
template <class Row>
__attribute__((noinline)) void run(const Call& c, const uint16_t* slots, int count, float* out) {
  const Row row(c);
  while (count > 0) {
    const int g = count >= 2 * kGroup ? kGroup : (count > kGroup ? (count + 1) / 2 : count);
    // clang-format off
    switch (g) {
#define SPL_GROUP(n)                                                  \
  case n:                                                             \
    if constexpr (n <= kGroup) row.template group<n>(c, slots, out);  \
    break;
      SPL_GROUP(1) SPL_GROUP(2) SPL_GROUP(3) SPL_GROUP(4) SPL_GROUP(5) SPL_GROUP(6)
      SPL_GROUP(7) SPL_GROUP(8) SPL_GROUP(9) SPL_GROUP(10) SPL_GROUP(11) SPL_GROUP(12)
#undef SPL_GROUP
    }
    // clang-format on
    slots += g, out += g, count -= g;
  }
}

template <int L>
SPL_INLINE void run_layout(const Call& c, const uint16_t* slots, int count, float* sums) {
  // clang-format off
  switch (c.blocks) {
#define SPL_ROW(v)                                             \
  case v:                                                      \
    if constexpr (L != DotBlocks::kThreeRows || v % 9 == 0)    \
      run<RowInRegisters<v, L>>(c, slots, count, sums);        \
    break;
    SPL_ROW(1) SPL_ROW(2) SPL_ROW(3) SPL_ROW(4) SPL_ROW(5) SPL_ROW(6) SPL_ROW(7) SPL_ROW(8)
    SPL_ROW(9) SPL_ROW(10) SPL_ROW(11) SPL_ROW(12) SPL_ROW(13) SPL_ROW(14) SPL_ROW(15)
    SPL_ROW(16) SPL_ROW(17) SPL_ROW(18)
#undef SPL_ROW
  }
  // clang-format on
}

}  // namespace

void dot_slots(const float* weights, const DotBlocks& blocks, const char* packed,
               const int64_t* slot_offset, const uint16_t* slots, int count, float* sums) {
  const Call c{weights, blocks.offset, blocks.count, packed, slot_offset};
  if (count <= 0) return;
  if constexpr (kRegisters != 32)
    run<SumsInRegisters>(c, slots, count, sums);
  else if (blocks.layout == DotBlocks::kConsecutive)
    run_layout<DotBlocks::kConsecutive>(c, slots, count, sums);
  else if (blocks.layout == DotBlocks::kThreeRows)
    run_layout<DotBlocks::kThreeRows>(c, slots, count, sums);
  else
    run_layout<DotBlocks::kAnywhere>(c, slots, count, sums);
}

}  // namespace SPL_ISA
}  // namespace spl
