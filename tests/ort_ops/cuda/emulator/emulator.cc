#include "emulator.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

uint3 threadIdx, blockIdx;
dim3 blockDim(0), gridDim(0);

namespace emulator {
namespace {

constexpr int kLanes = 32, kMostThreads = 1024;
constexpr unsigned kMostInGridYZ = 65535;
constexpr size_t kStack = 64 << 10;

// A barrier of some threads: they wait until its number of arrivals is complete.
struct Barrier {
  int arrived = 0;
  unsigned round = 0;
};

struct Fiber {
  ucontext_t
      start;  // only the first entry takes the slow way, which calls the kernel of the system
  jmp_buf place;
  bool started, done;
  const Barrier* waits;
  unsigned round;
  bool blocked() const { return waits != nullptr && waits->round == round; }
};

struct Warp {
  Barrier barrier;
  uint32_t values[2][kLanes];  // two sets in turn: the next exchange may begin while one is read
};

std::vector<Fiber> fibers;
std::vector<char> stacks;
std::vector<Warp> warps;
Barrier block;
jmp_buf scheduler;
ucontext_t origin;
const std::function<void()>* body;
int current, live;
bool backward, broken;

void yield() {
  if (_setjmp(fibers[current].place) == 0) _longjmp(scheduler, 1);
}

// Waits until `size` threads are here.
void wait(Barrier& barrier, int size) {
  Fiber& fiber = fibers[current];
  if (++barrier.arrived == size) {
    barrier.arrived = 0, barrier.round++;
    return;
  }
  fiber.waits = &barrier, fiber.round = barrier.round;
  while (fiber.blocked()) yield();
  fiber.waits = nullptr;
}

void enter() {
  (*body)();
  fibers[current].done = true;
  live--;
  _longjmp(scheduler, 1);
}

void resume(int thread) {
  current = thread;
  threadIdx = {static_cast<unsigned>(thread), 0, 0};
  Fiber& fiber = fibers[thread];
  if (_setjmp(scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.place, 1);
  fiber.started = true;
  getcontext(&fiber.start);
  fiber.start.uc_stack.ss_sp = stacks.data() + kStack * static_cast<size_t>(thread);
  fiber.start.uc_stack.ss_size = kStack;
  fiber.start.uc_link = nullptr;
  makecontext(&fiber.start, enter, 0);
  swapcontext(&origin, &fiber.start);
}

bool run_block(int threads) {
  block = Barrier();
  for (Warp& warp : warps) warp.barrier = Barrier();
  for (Fiber& fiber : fibers) fiber.started = fiber.done = false, fiber.waits = nullptr;
  live = threads;
  while (live > 0) {
    bool moved = false;
    for (int i = 0; i < threads; i++) {
      const int thread = backward ? threads - 1 - i : i;
      if (fibers[thread].done || fibers[thread].blocked()) continue;
      resume(thread);
      moved = true;
    }
    // Every thread that is left waits for one that does not come.
    if (!moved || broken) return false;
  }
  return true;
}

}  // namespace

int run(dim3 grid, int threads, cudaStream_t, const std::function<void()>& kernel) {
  if (threads < 1 || threads > kMostThreads || threads % kLanes != 0 || grid.y > kMostInGridYZ ||
      grid.z > kMostInGridYZ || grid.x > 0x7fffffffu)
    return kLaunchRefused;
  fibers.resize(static_cast<size_t>(threads));
  warps.resize(static_cast<size_t>(threads / kLanes));
  if (stacks.size() < kStack * static_cast<size_t>(threads))
    stacks.resize(kStack * static_cast<size_t>(threads));
  body = &kernel;
  gridDim = grid, blockDim = dim3(static_cast<unsigned>(threads));
  broken = false;
  for (blockIdx.z = 0; blockIdx.z < grid.z; blockIdx.z++)
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
      for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
        if (!run_block(threads)) return kDeadlock;
  return 0;
}

void set_backwards(bool backwards) { backward = backwards; }

int lane() { return current % kLanes; }

void block_barrier() {
  // A thread that has left counts as missing: on a GPU such a barrier is undefined.
  wait(block, static_cast<int>(fibers.size()));
}

const uint32_t* exchange(unsigned mask, uint32_t value) {
  if (mask != 0xffffffffu) broken = true;
  Warp& warp = warps[static_cast<size_t>(current / kLanes)];
  uint32_t* values = warp.values[warp.barrier.round % 2];
  values[lane()] = value;
  wait(warp.barrier, kLanes);
  return values;
}

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, mantissa = bits & 0x3ff;
  const int exponent = bits >> 10 & 31;
  if (exponent == 0) {
    const float small = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -small : small;
  }
  const uint32_t wide = exponent == 31 ? 255u : static_cast<uint32_t>(exponent + 112);
  return bits_as_float(sign | wide << 23 | mantissa << 13);
}

// Rounds to nearest, ties to even: nearbyint on the scale of the result's last place.
uint16_t float_to_half(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float size = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (size >= 65520.0f) return sign | 0x7c00;
  if (size == 0.0f) return sign;
  int exponent = 0;
  std::frexp(size, &exponent);
  const int last = std::max(exponent - 11, -24);
  const auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(size, -last)));
  // 1024 units and more carry the hidden bit, which adds one to the exponent; so does a carry.
  return static_cast<uint16_t>(sign | (static_cast<uint32_t>(last + 24) * 1024 + units));
}

}  // namespace emulator

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case emulator::kLaunchRefused:
      return "emulator: a launch beyond the limits of CUDA";
    case emulator::kDeadlock:
      return "emulator: a barrier or warp operation that not all threads reach";
    default:
      return "emulator: unknown error";
  }
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  *memory = std::aligned_alloc(256, (bytes + 256) / 256 * 256);
  return *memory == nullptr ? 2 : cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (bytes > 0) std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  if (bytes > 0) std::memset(to, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* found, const void* address) {
  found->type = cudaMemoryTypeDevice;
  return address == nullptr ? 1 : cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
