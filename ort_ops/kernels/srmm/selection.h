// The selection tensor of a tile: checked, and turned into lists of slots per output channel.
#pragma once

#include <string>

#include "kernels/base/scratch.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/geometry.h"
#include "kernels/shape/tiles.h"

namespace spl {

// Says what is wrong when a code of outputs [o0, o1) of the tile lies beyond its window or in the
// padding.
std::string check_codes(const ConvShape& shape, const MicroKernels& micro, const Tile& tile,
                        const uint8_t* s, int64_t o0, int64_t o1);

// Marks the slots that windows of the tile select, for up to 64 outputs from `o` on: bit k of
// bits[slot] is output o + k. `bits` are cleared first. Says what is wrong when a code lies beyond
// its window or in the padding.
std::string mark_slots(const ConvShape& shape, const MicroKernels& micro, const Tile& tile,
                       const uint8_t* s, int64_t o, int lanes, uint64_t* bits);

// Per output channel the slots that at least one window selected, each once.
class SlotLists {
 public:
  // The lists lie in `room`.
  explicit SlotLists(Scratch::Listed& room) : room_(room) {}
  // Reads the codes of outputs [o0, o1) and checks them as mark_slots does.
  std::string build(const ConvShape& shape, const MicroKernels& micro, const Tile& tile,
                    const uint8_t* s, int64_t o0, int64_t o1, Scratch& scratch);
  int count(int64_t o) const { return static_cast<int>(starts_[o - o0_ + 1] - starts_[o - o0_]); }
  const uint16_t* slots(int64_t o) const { return slots_ + starts_[o - o0_]; }
  int64_t start(int64_t o) const { return starts_[o - o0_]; }
  int64_t total() const { return starts_[o1_ - o0_]; }

 private:
  Scratch::Listed& room_;
  int64_t o0_ = 0, o1_ = 0;
  int64_t* starts_ = nullptr;
  uint16_t* slots_ = nullptr;
};

}  // namespace spl
