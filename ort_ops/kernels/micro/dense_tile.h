// The register tile of products of a run of slots and rows of weights, for dense.cc and
// depthwise.cc.
//
// A tile of slots x output vectors stays in registers: AVX-512 6 x 4 (24 sums, 4 weight loads and 6
// broadcasts for 24 multiply-adds), 16 registers 6 x 2 or 3 x 4. With fewer vectors more slots keep
// enough sums on the way to hide the latency of the multiply-add.
#pragma once

#include "kernels/micro/rows.h"

namespace spl {
namespace SPL_ISA {

constexpr int kVectors = kRegisters == 32 || W == 4 ? 4 : 2;  // per register tile
constexpr int kMostSlots = 8;

// Slots of a register tile of `vectors` vectors.
constexpr int slots_with(int vectors) {
  const int sums = kRegisters == 32 ? 24 : 12, fit = sums / vectors;
  return fit < kMostSlots ? fit : kMostSlots;
}

// Memory that is brought near line by line while a tile is worked on: the next weights or inputs
// come from far, and no hardware prefetcher knows where they begin.
struct Ahead {
  const char* at;
  const char* end;
  SPL_MEMBER void fetch() {
    if (at >= end) return;
    __builtin_prefetch(at, 0, 2);
    __builtin_prefetch(at + 64, 0, 2);
    at += 128;
  }
};

// What the weights of an output meet: one element of the input, the same for all outputs, or the
// element of its own channel.
enum class Meets { kAll, kOwn };

// G slots x NV vectors. All elements are 4 bytes: floats, or units of quantised channels.
template <class T, Meets M, int G, int NV, class Rows>
SPL_INLINE void tile(const TileView& view, int depth, const char* weights, int64_t weight_stride,
                     int first, const Rows& rows, Ahead& ahead) {
  typename T::V s[G][NV];
  const char* base[G];
#pragma GCC unroll 8
  for (int i = 0; i < G; i++) {
    base[i] = view.packed + view.slot_offset[first + i];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) s[i][j] = rows.begin(i, j);
  }
  Ahead near = ahead;  // in registers, while the loop runs
  for (int t = 0; t < view.taps; t++) {
    int64_t at = view.tap_offset[t];
    for (int c = 0; c < depth; c++, at += 4, weights += weight_stride) {
      near.fetch();
      typename T::V w[NV];
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) w[j] = T::weight(weights + j * W * 4);
#pragma GCC unroll 8
      for (int i = 0; i < G; i++) {
        if constexpr (M == Meets::kAll) {
          const typename T::V x = T::broadcast(base[i] + at);
#pragma GCC unroll 4
          for (int j = 0; j < NV; j++) s[i][j] = T::step(s[i][j], x, w[j]);
        } else {
#pragma GCC unroll 4
          for (int j = 0; j < NV; j++)
            s[i][j] = T::step(s[i][j], T::weight(base[i] + at + j * W * 4), w[j]);
        }
      }
    }
  }
  ahead = near;
#pragma GCC unroll 8
  for (int i = 0; i < G; i++) rows.template ends<NV>(i, s[i]);
}

// Vectors [vector, vector + NV) of all slots. `whole` comes by reference and is read field by
// field: a copy made in vectors would wait for the fields just written.
template <class T, Meets M, int NV, class Rows>
__attribute__((noinline)) void column(const TileView& view, int depth, const char* weights,
                                      int64_t weight_stride, int count, const Rows& whole,
                                      int vector, Ahead& ahead) {
  constexpr int kSlots = slots_with(NV);
  Rows rows = whole.at(0, vector);
  int first = 0;
  for (int groups = (count + kSlots - 1) / kSlots; groups > 0; groups--) {
    const int g = (count + groups - 1) / groups;
    switch (g) {
#define SPL_TILE(n)                                                               \
  case n:                                                                         \
    if constexpr (n <= kSlots)                                                    \
      tile<T, M, n, NV>(view, depth, weights, weight_stride, first, rows, ahead); \
    break;
      SPL_TILE(1)
      SPL_TILE(2) SPL_TILE(3) SPL_TILE(4) SPL_TILE(5) SPL_TILE(6) SPL_TILE(7) SPL_TILE(8)
#undef SPL_TILE
    }
    first += g, count -= g;
    rows = rows.at(g, 0);
  }
}

template <class T, Meets M, class Rows>
SPL_INLINE void dense(TileView view, int depth, const void* weights, int blocks, int count,
                      const Rows& rows, const Prefetch& next) {
  Ahead ahead{next.first, next.first + next.lines * int64_t{64}};
  const char* w = static_cast<const char*>(weights);
  const int64_t weight_stride = static_cast<int64_t>(blocks) * kLanes * 4;
  const int vectors = blocks * kPerBlock;
  for (int first = 0; first < vectors; first += kVectors) {
    switch (least(vectors - first, kVectors)) {
#define SPL_COLUMN(n)                                                            \
  case n:                                                                        \
    if constexpr (n <= kVectors)                                                 \
      column<T, M, n>(view, depth, w, weight_stride, count, rows, first, ahead); \
    break;
      SPL_COLUMN(1) SPL_COLUMN(2) SPL_COLUMN(3) SPL_COLUMN(4)
#undef SPL_COLUMN
    }
    w += kVectors * W * 4;
    if constexpr (M == Meets::kOwn) view.packed += kVectors * W * 4;
  }
}

}  // namespace SPL_ISA
}  // namespace spl
