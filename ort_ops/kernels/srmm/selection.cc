#include "kernels/srmm/selection.h"

#include <algorithm>
#include <cstring>

namespace spl {
namespace {

constexpr int kWord = 64;

int64_t code_index(const ConvShape& s, int64_t n, int64_t py, int64_t px, int64_t o) {
  return ((n * s.pH + py) * s.pW + px) * s.O + o;
}

std::string bad_code(const ConvShape& s, const Tile& tile, const uint8_t* codes, int64_t py,
                     int64_t px, int64_t o0, int64_t o1, const int64_t* slots) {
  const int64_t area = s.at.pool_area();
  for (int64_t o = o0; o < o1; o++) {
    const int code = codes[code_index(s, tile.n, py, px, o)];
    const bool beyond = code > area;
    if (!beyond && (code == 0 || slots[code - 1] >= 0)) continue;
    const int64_t where[4] = {s.first_image + tile.n, py, px, o};
    return "selection S at " + shape_text(where, 4) + ": got " + std::to_string(code) +
           (beyond ? ", wanted 0 to " + std::to_string(area) + " (the " +
                         std::to_string(s.at.pool_kernel[0]) + "x" +
                         std::to_string(s.at.pool_kernel[1]) + " window has no more places)"
                   : ", a place in the padding of its window");
  }
  return "";
}

// 64 x 64 bits: bit c of word r moves to bit r of word c. Halves, quarters, ... change places.
void transpose_bits(uint64_t* a) {
  uint64_t mask = 0x00000000FFFFFFFFull;
  for (int j = 32; j != 0; j >>= 1, mask ^= mask << j)
    for (int k = 0; k < kWord; k = (k + j + 1) & ~j) {
      const uint64_t swap = ((a[k] >> j) ^ a[k + j]) & mask;
      a[k] ^= swap << j;
      a[k + j] ^= swap;
    }
}

// The marks of one window; false when a code selects none of its valid places.
bool mark_window(const MicroKernels& micro, const uint8_t* codes, int lanes, const int64_t* slots,
                 int area, uint64_t* bits) {
  const uint64_t all = lanes == kWord ? ~uint64_t{0} : (uint64_t{1} << lanes) - 1;
  uint64_t known = micro.equal_bits(codes, lanes, 0);
  for (int i = 0; i < area && known != all; i++) {
    if (slots[i] < 0) continue;
    const uint64_t chosen = micro.equal_bits(codes, lanes, static_cast<uint8_t>(i + 1));
    bits[slots[i]] |= chosen;
    known |= chosen;
  }
  return known == all;
}

}  // namespace

std::string mark_slots(const ConvShape& shape, const MicroKernels& micro, const Tile& tile,
                       const uint8_t* s, int64_t o, int lanes, uint64_t* bits) {
  int64_t slots[kMaxWindow];
  const int area = static_cast<int>(shape.at.pool_area());
  std::memset(bits, 0, static_cast<size_t>(tile.slots()) * sizeof(uint64_t));
  for (int64_t py = tile.py0; py < tile.py1; py++)
    for (int64_t px = tile.px0; px < tile.px1; px++) {
      window_slots(shape, tile, py, px, slots);
      const uint8_t* codes = s + code_index(shape, tile.n, py, px, o);
      if (!mark_window(micro, codes, lanes, slots, area, bits))
        return bad_code(shape, tile, s, py, px, o, o + lanes, slots);
    }
  return "";
}

std::string check_codes(const ConvShape& shape, const MicroKernels& micro, const Tile& tile,
                        const uint8_t* s, int64_t o0, int64_t o1) {
  uint64_t* bits = thread_scratch().bits.get<uint64_t>(static_cast<size_t>(tile.slots()));
  for (int64_t o = o0; o < o1; o += kWord) {
    const int lanes = static_cast<int>(std::min<int64_t>(kWord, o1 - o));
    std::string bad = mark_slots(shape, micro, tile, s, o, lanes, bits);
    if (!bad.empty()) return bad;
  }
  return "";
}

std::string SlotLists::build(const ConvShape& shape, const MicroKernels& micro, const Tile& tile,
                             const uint8_t* s, int64_t o0, int64_t o1, Scratch& scratch) {
  o0_ = o0, o1_ = o1;
  const int words = static_cast<int>((tile.slots() + kWord - 1) / kWord);
  const size_t outputs = static_cast<size_t>(o1 - o0);
  starts_ = room_.starts.get<int64_t>(outputs + 1);
  slots_ = room_.slots.get<uint16_t>(checked_size({o1 - o0, tile.slots()}) + kLanes);
  uint64_t* bits = scratch.bits.get<uint64_t>(static_cast<size_t>(words) * kWord);
  int64_t used = 0;
  for (int64_t o = o0; o < o1; o += kWord) {
    const int lanes = static_cast<int>(std::min<int64_t>(kWord, o1 - o));
    std::string bad = mark_slots(shape, micro, tile, s, o, lanes, bits);
    if (!bad.empty()) return bad;
    std::fill(bits + tile.slots(), bits + words * kWord, 0);
    for (int w = 0; w < words; w++) transpose_bits(bits + w * kWord);
    for (int k = 0; k < lanes; k++) {
      starts_[o - o0 + k] = used;
      for (int w = 0; w < words; w++)
        used += micro.append_slots(bits[w * kWord + k], w * kWord, slots_ + used);
    }
  }
  starts_[outputs] = used;
  return "";
}

}  // namespace spl
