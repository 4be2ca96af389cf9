#include "kernels/pooling/global_average.h"

#include "kernels/shape/geometry.h"

namespace spl {
namespace {

constexpr int64_t kMostPixels = 1 << 23;  // sums of bytes stay within 32 bits

}  // namespace

Status run_global_average(const float* x, const int64_t dims[4], float* y, const Parallel& parallel,
                          const MicroKernels& micro) {
  Status problem = check_pooled_images(dims);
  if (!problem.empty()) return problem;
  const int64_t height = dims[1], width = dims[2], channels = dims[3];
  return run_all(parallel, static_cast<size_t>(dims[0]), [&](size_t n) {
    const int64_t image = static_cast<int64_t>(n);
    micro.mean_pixels(x + image * height * width * channels, height, width, channels,
                      y + image * channels);
    return Status();
  });
}

Status run_byte_average(const uint8_t* x, const int64_t dims[4], const Quantization& code, float* y,
                        const Parallel& parallel, const MicroKernels& micro) {
  Status problem = check_pooled_images(dims);
  if (!problem.empty()) return problem;
  const int64_t pixels = dims[1] * dims[2], channels = dims[3];
  if (pixels > kMostPixels)
    return "X " + shape_text(dims, 4) + ": wanted at most " + std::to_string(kMostPixels) +
           " pixels of bytes";
  return run_all(parallel, static_cast<size_t>(dims[0]), [&](size_t n) {
    const int64_t image = static_cast<int64_t>(n);
    micro.mean_bytes(x + image * pixels * channels, pixels, channels, code, y + image * channels);
    return Status();
  });
}

}  // namespace spl
