#include "kernels/pooling/global_average.h"

#include "kernels/shape/geometry.h"

namespace spl {

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

}  // namespace spl
