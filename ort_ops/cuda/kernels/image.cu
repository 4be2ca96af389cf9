#include "cuda/kernels/device.h"
#include "cuda/kernels/image.h"

namespace spl::cuda {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ int64_t my_index() {
  return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
}

// One thread per element of the output.
template <class... P, class... A>
Status for_elements(void (*kernel)(P...), int64_t count, Stream stream, const A&... args) {
  const int64_t blocks = ceil_div(count, kThreads);
  if (blocks > INT32_MAX) return kTooLarge;
  return launch(kernel, dim3(static_cast<unsigned>(blocks)), kThreads, stream, args...);
}

// --- Windows -------------------------------------------------------------------------------------
struct Pool {
  int height, width, pooled_h, pooled_w;  // of the image, and of the windows
  int64_t channels;
  int pool_h, pool_w, stride_h, stride_w, pad_h, pad_w;
  int64_t count;  // of windows and channels

  explicit Pool(const ConvShape& s)
      : height(static_cast<int>(s.oH)),
        width(static_cast<int>(s.oW)),
        pooled_h(static_cast<int>(s.pH)),
        pooled_w(static_cast<int>(s.pW)),
        channels(s.O),
        pool_h(static_cast<int>(s.at.pool_kernel[0])),
        pool_w(static_cast<int>(s.at.pool_kernel[1])),
        stride_h(static_cast<int>(s.at.pool_strides[0])),
        stride_w(static_cast<int>(s.at.pool_strides[1])),
        pad_h(static_cast<int>(s.at.pool_pads[0])),
        pad_w(static_cast<int>(s.at.pool_pads[1])),
        count(s.outputs()) {}

  // Calls visit(place, value) for the places of window and channel `i` inside the image, in order.
  template <class Visit>
  __device__ void for_places(const float* x, int64_t i, Visit visit) const {
    const int64_t channel = i % channels, window = i / channels;
    const int px = static_cast<int>(window % pooled_w);
    const int py = static_cast<int>(window / pooled_w % pooled_h);
    const int64_t n = window / pooled_w / pooled_h;
    for (int a = 0; a < pool_h; a++)
      for (int b = 0; b < pool_w; b++) {
        const int64_t y = int64_t{py} * stride_h - pad_h + a,
                      at_x = int64_t{px} * stride_w - pad_w + b;
        if (y < 0 || y >= height || at_x < 0 || at_x >= width) continue;
        visit(a * pool_w + b, load(x + ((n * height + y) * width + at_x) * channels + channel));
      }
  }
};

// Windows and places are counted in 32 bits.
Status check_windows(const ConvShape& s) {
  constexpr int64_t kMost = INT32_MAX / 2;
  return s.oH > kMost || s.oW > kMost || s.pH > kMost || s.pW > kMost ? kTooLarge : 0;
}

__global__ void max_pool_kernel(const Pool p, const float* x, float* y) {
  const int64_t i = my_index();
  if (i >= p.count) return;
  float best = -INFINITY;
  p.for_places(x, i, [&](int, float value) { best = fmaxf(best, value); });
  y[i] = best;
}

__global__ void best_places_kernel(const Pool p, const float* scores, bool select_all, uint8_t* s) {
  const int64_t i = my_index();
  if (i >= p.count) return;
  float best = -INFINITY;
  int place = 0, first = 0;
  p.for_places(scores, i, [&](int index, float score) {
    if (first == 0) first = index + 1;
    if (score > best) best = score, place = index + 1;
  });
  const int chosen = select_all ? (place > 0 ? place : first) : (best > 0.0f ? place : 0);
  s[i] = static_cast<uint8_t>(chosen);
}

// --- Means ---------------------------------------------------------------------------------------
__global__ void global_average_kernel(const float* x, int64_t count, int64_t height, int64_t width,
                                      int64_t channels, float* y) {
  const int64_t i = my_index();
  if (i >= count) return;
  const float* image = x + i / channels * height * width * channels + i % channels;
  float total = 0.0f;
  for (int64_t row = 0; row < height; row++) {
    float sum = 0.0f;
    for (int64_t column = 0; column < width; column++)
      sum += load(image + (row * width + column) * channels);
    total += sum;
  }
  y[i] = __fdiv_rn(total, static_cast<float>(height * width));
}

// --- Response normalisation ----------------------------------------------------------------------
struct Window {
  int64_t channels, before, after;
  float scale, beta, bias;
};

// Every window is summed afresh: a running sum would keep the rounding of values that have left it.
__global__ void lrn_kernel(const Window w, const float* x, int64_t count, float* y) {
  const int64_t i = my_index();
  if (i >= count) return;
  const int64_t channel = i % w.channels;
  const float* pixel = x + i - channel;
  const int64_t begin = channel > w.before ? channel - w.before : 0;
  const int64_t end = channel + w.after < w.channels ? channel + w.after + 1 : w.channels;
  float total = 0.0f;
  for (int64_t c = begin; c < end; c++) {
    const float value = load(pixel + c);
    total = __fadd_rn(total, __fmul_rn(value, value));
  }
  const float divisor = fmaf(w.scale, total, w.bias), value = load(pixel + channel);
  // The usual exponents need only operations that are rounded correctly.
  if (w.beta == 0.75f) {
    const float root = __fdiv_rn(1.0f, __fsqrt_rn(divisor));
    y[i] = __fmul_rn(__fmul_rn(value, root), __fsqrt_rn(root));
  } else if (w.beta == 0.5f) {
    y[i] = __fdiv_rn(value, __fsqrt_rn(divisor));
  } else if (w.beta == 1.0f) {
    y[i] = __fdiv_rn(value, divisor);
  } else {
    y[i] = __fdiv_rn(value, powf(divisor, w.beta));
  }
}

}  // namespace

Status max_pool(const ConvShape& shape, const float* x, float* y, Stream stream) {
  if (const Status status = check_windows(shape)) return status;
  const Pool pool(shape);
  return for_elements(max_pool_kernel, pool.count, stream, pool, x, y);
}

Status best_places(const ConvShape& shape, const float* scores, bool select_all, uint8_t* s,
                   Stream stream) {
  if (const Status status = check_windows(shape)) return status;
  const Pool pool(shape);
  return for_elements(best_places_kernel, pool.count, stream, pool, scores, select_all, s);
}

Status global_average(const int64_t d[4], const float* x, float* y, Stream stream) {
  if (d[0] < 0 || d[1] < 0 || d[2] < 0 || d[3] < 0) return kBadSizes;
  if (d[0] > 0 && d[1] * d[2] == 0) return kBadSizes;
  return for_elements(global_average_kernel, d[0] * d[3], stream, x, d[0] * d[3], d[1], d[2], d[3],
                      y);
}

Status lrn(const Lrn& norm, const float* x, int64_t pixels, int64_t channels, float* y,
           Stream stream) {
  if (norm.size < 1 || pixels < 0 || channels < 0) return kBadSizes;
  if (pixels * channels == 0) return 0;
  const Window window{channels,      (norm.size - 1) / 2,
                      norm.size / 2, norm.alpha / static_cast<float>(norm.size),
                      norm.beta,     norm.bias};
  return for_elements(lrn_kernel, pixels * channels, stream, window, x, pixels * channels, y);
}

}  // namespace spl::cuda
