// From the selection tensor to lists of slots.
#include "kernels/micro/entry.h"
#include "kernels/micro/simd/simd.h"

namespace spl {
namespace SPL_ISA {

uint64_t equal_bits(const uint8_t* codes, int n, uint8_t value) {
  alignas(64) uint8_t block[64];
  const uint8_t* from = codes;
  if (n < 64) {  // never read beyond the tensor
    std::memset(block, static_cast<uint8_t>(~value), sizeof block);
    std::memcpy(block, codes, static_cast<size_t>(n));
    from = block;
  }
  return equal_bytes(from, value);
}

uint8_t max_byte(const uint8_t* codes, int64_t n) {
  uint8_t most = 0;  // the compiler turns this loop into vector code
  for (int64_t i = 0; i < n; i++) most = codes[i] > most ? codes[i] : most;
  return most;
}

void spread(uint64_t bits, const float* sums, const float* bias, int blocks, float* out) {
#ifdef SPL_COMPRESSES
  for (int b = 0; b < blocks; b++, bits >>= 16) {
    const __mmask16 m = static_cast<__mmask16>(bits);
    const Vec v = _mm512_maskz_expand_ps(m, load(sums));
    store(out + b * kLanes, add(v, load(bias + b * kLanes)));
    sums += __builtin_popcount(m);
  }
#else
  std::memcpy(out, bias, static_cast<size_t>(blocks) * kLanes * sizeof(float));
  for (; bits != 0; bits &= bits - 1) out[__builtin_ctzll(bits)] += *sums++;
#endif
}

int append_slots(uint64_t bits, int first, uint16_t* out) {
#ifdef SPL_COMPRESSES
  // Compress to a register, then store: vpcompressd fused to memory is microcoded on Zen 4.
  uint16_t* to = out;
  const __m512i iota = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  for (; bits != 0; bits >>= 16, first += 16) {
    const __mmask16 m = static_cast<__mmask16>(bits);
    const __m512i slots = _mm512_add_epi32(iota, _mm512_set1_epi32(first));
    to_halves(_mm512_maskz_compress_epi32(m, slots), to);
    to += __builtin_popcount(m);
  }
  return static_cast<int>(to - out);
#else
  int n = 0;
  for (; bits != 0; bits &= bits - 1)
    out[n++] = static_cast<uint16_t>(first + __builtin_ctzll(bits));
  return n;
#endif
}

}  // namespace SPL_ISA
}  // namespace spl
