// Images of a batch that are computed one by one: each may take another way of computing.
#pragma once

#include <cstdint>

#include "kernels/base/ceil_div.h"
#include "kernels/base/parallel.h"
#include "kernels/base/status.h"

namespace spl {

// Whether so many images keep the threads busy, an eighth of their time aside. Two for each thread,
// as there may be more threads than were seen: with one for each, no more would ever be seen.
inline bool images_fill_threads(int64_t images, const Parallel& parallel) {
  const int64_t threads = parallel.threads();
  const int64_t rounds = ceil_div(images, threads);
  return images >= 2 * threads && 8 * rounds * threads <= 9 * images;
}

// run_image(n, threads) -> Status for every image n of `images`; the first message that is not
// empty ends it. Threads take an image each where there are enough of them: a parallel step costs
// some microseconds, which small layers feel once per image. Otherwise they share each image.
template <class F>
Status run_images(int64_t images, const Parallel& parallel, F&& run_image) {
  if (images_fill_threads(images, parallel))
    return run_all(parallel, static_cast<size_t>(images),
                   [&](size_t n) { return run_image(static_cast<int64_t>(n), Parallel()); });
  for (int64_t n = 0; n < images; n++) {
    Status bad = run_image(n, parallel);
    if (!bad.empty()) return bad;
  }
  return "";
}

}  // namespace spl
