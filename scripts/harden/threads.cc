// Many callers share packed layers, and each call is itself spread over threads: for the thread
// sanitizer.
//
// Random layers, every way of computing. Outputs must be the bits of a serial run of a
// layer of its own; the shared layer packs its weights lazily, with all callers waiting at the
// door.
//
//   spl_threads [LAYERS [SEED]]       prints "tried N, bad M", calls; exit code 1 when M > 0
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "kernels/base/isa.h"
#include "kernels/border/planes.h"
#include "kernels/gemm/gemm.h"
#include "kernels/pooling/global_average.h"
#include "kernels/pooling/lrn.h"
#include "kernels/pooling/max_pool.h"
#include "kernels/predict/conv_predict.h"
#include "kernels/srmm/conv_srmm.h"

namespace {

using namespace spl;
using Floats = std::vector<float>;
using Bytes = std::vector<uint8_t>;

constexpr int kCallers = 6, kHelpers = 2, kRounds = 2;
constexpr Strategy kStrategies[] = {Strategy::kAuto, Strategy::kSelect, Strategy::kZeroSkip,
                                    Strategy::kDense};

// Indices in any order, over the caller and helpers of its own.
void run_on_threads(void*, size_t count, Parallel::Body body, void* arg) {
  std::atomic<size_t> next{0};
  auto work = [&] {
    for (size_t i; (i = next++) < count;) body(arg, i);
  };
  std::vector<std::thread> helpers;
  for (int i = 0; i < kHelpers; i++) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
}

struct Counts {
  int tried = 0, bad = 0;
};

// `serial(j)` and `shared(j, parallel)` give the bytes of job j's output.
template <class Serial, class Shared>
void compare(int jobs, Serial&& serial, Shared&& shared, Counts* counts) {
  std::vector<std::vector<char>> wanted;
  for (int j = 0; j < jobs; j++) wanted.push_back(serial(j));
  ThreadsSeen seen;
  std::atomic<int> bad{0}, ready{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < kCallers; t++)
    callers.emplace_back([&, t] {
      ready++;
      while (ready < kCallers) std::this_thread::yield();
      for (int r = 0; r < kRounds; r++) {
        const int j = (t + r) % jobs;
        if (shared(j, Parallel{run_on_threads, nullptr, &seen}) != wanted[j]) bad++;
      }
    });
  for (std::thread& caller : callers) caller.join();
  counts->tried += kCallers * kRounds;
  counts->bad += bad;
}

template <class T>
std::vector<char> bytes_of(const std::vector<T>& values) {
  const char* data = reinterpret_cast<const char*>(values.data());
  return {data, data + values.size() * sizeof(T)};
}

class Random {
 public:
  explicit Random(int seed) : source_(static_cast<unsigned>(seed)) {}
  int below(int end) { return static_cast<int>(source_() % static_cast<unsigned>(end)); }
  template <class T>
  const T& pick(const std::vector<T>& options) {
    return options[static_cast<size_t>(below(static_cast<int>(options.size())))];
  }
  Floats floats(int64_t count, double zeros) {
    Floats values(static_cast<size_t>(count));
    for (float& value : values) value = uniform_(source_) < zeros ? 0.0f : normal_(source_);
    return values;
  }
  std::vector<int8_t> weights(int64_t count) {
    std::vector<int8_t> values(static_cast<size_t>(count));
    for (int8_t& value : values)
      value = static_cast<int8_t>(static_cast<int>(source_() % 255) - 127);
    return values;
  }

 private:
  std::mt19937 source_;
  std::normal_distribution<float> normal_;
  std::uniform_real_distribution<double> uniform_{0, 1};
};

struct Image {
  ConvShape shape;
  Floats x;
  Bytes code;
};

// A convolution with pooling, its predictor, and images of four sizes with selections.
struct ConvLayer {
  ConvAttributes at;
  int64_t w_dims[4];
  Floats w, b, scale;
  std::vector<int8_t> w8;
  std::vector<Image> images;

  ConvLayer(int kernel, int stride, int64_t channels, bool pooled, Random& random) {
    for (int64_t& stride_of : at.strides) stride_of = stride;
    for (int64_t& pad : at.pads) pad = kernel / 2;
    if (pooled) at.pool_kernel[0] = at.pool_kernel[1] = at.pool_strides[0] = at.pool_strides[1] = 2;
    const int64_t outputs = 70;
    w_dims[0] = outputs, w_dims[1] = w_dims[2] = kernel, w_dims[3] = channels;
    w = random.floats(outputs * kernel * kernel * channels, 0), b = random.floats(outputs, 0);
    w8 = random.weights(static_cast<int64_t>(w.size())), scale = Floats(outputs, 0.01f);
    for (auto size : {std::array<int64_t, 3>{1, 20, 20}, {3, 9, 13}, {2, 16, 30}, {5, 6, 6}}) {
      Image image;
      const int64_t x[4] = {size[0], size[1], size[2], channels};
      if (!make_shape(at, x, w_dims, &image.shape).empty()) std::abort();
      image.x = random.floats(x[0] * x[1] * x[2] * x[3], images.size() * 0.3);
      images.push_back(std::move(image));
    }
  }

  PredictorWeights predictor() const {
    PredictorWeights weights;
    weights.i8 = w8.data(), weights.scale = scale.data(), weights.bias = b.data();
    return weights;
  }
};

std::vector<char> predict(const ConvPredict& layer, const Image& image, const Parallel& parallel) {
  Bytes code(static_cast<size_t>(image.shape.outputs()));
  layer.run(image.shape, {image.x.data(), {}, nullptr, code.data()}, parallel);
  return bytes_of(code);
}

template <class Layer>
std::vector<char> values(const Layer& layer, const Image& image, bool selects,
                         const Parallel& parallel) {
  Floats y(static_cast<size_t>(image.shape.outputs()));
  const uint8_t* code = selects ? image.code.data() : nullptr;
  layer.run(image.shape, {image.x.data(), code, {}, y.data()}, parallel);
  return bytes_of(y);
}

void try_conv(ConvLayer& layer, const MicroKernels& micro, Counts* counts) {
  const int jobs = static_cast<int>(layer.images.size());
  const ConvShape& first = layer.images[0].shape;
  auto make_predictor = [&] {
    return std::make_unique<ConvPredict>(first, layer.predictor(), false, false, micro);
  };
  const auto alone = make_predictor(), shared = make_predictor();
  for (Image& image : layer.images) {
    const std::vector<char> code = predict(*alone, image, Parallel());
    image.code.assign(code.begin(), code.end());
  }
  compare(
      jobs, [&](int j) { return predict(*alone, layer.images[j], Parallel()); },
      [&](int j, const Parallel& parallel) { return predict(*shared, layer.images[j], parallel); },
      counts);
  for (Strategy strategy : kStrategies)
    for (bool selects : {false, true}) {
      auto make = [&] {
        return std::make_unique<ConvSrmm>(first, rows_of_outputs(layer.w.data(), first.K()),
                                          layer.b.data(), Clamp{0, INFINITY, 0}, strategy, selects,
                                          micro);
      };
      const auto own = make(), common = make();
      compare(
          jobs, [&](int j) { return values(*own, layer.images[j], selects, Parallel()); },
          [&](int j, const Parallel& p) { return values(*common, layer.images[j], selects, p); },
          counts);
    }
}

void try_gemm(const MicroKernels& micro, Random& random, Counts* counts) {
  const int64_t k = 90, o = 130;
  const Floats w = random.floats(k * o, 0), b = random.floats(o, 0);
  std::vector<Image> matrices;
  for (int64_t rows : {3, 40, 1, 9}) {
    Image matrix;
    if (!make_gemm_shape(rows, k, o, k, &matrix.shape).empty()) std::abort();
    matrix.x = random.floats(rows * k, 0.6);
    for (float value : random.floats(rows * o, 0.5)) matrix.code.push_back(value > 0);
    matrices.push_back(std::move(matrix));
  }
  for (Strategy strategy : kStrategies)
    for (int way = 0; way < 4; way++) {
      const bool selects = way & 1;
      auto make = [&] {
        return std::make_unique<GemmSrmm>(
            matrices[0].shape, way & 2 ? rows_of_inputs(w.data(), o) : rows_of_outputs(w.data(), k),
            b.data(), Clamp{0, INFINITY, 0}, strategy, selects, micro);
      };
      const auto own = make(), common = make();
      compare(
          4, [&](int j) { return values(*own, matrices[j], selects, Parallel()); },
          [&](int j, const Parallel& p) { return values(*common, matrices[j], selects, p); },
          counts);
    }
}

void try_auxiliary(const ConvLayer& layer, const MicroKernels& micro, Counts* counts) {
  const Image& image = layer.images[2];
  const int64_t dims[4] = {image.shape.N, image.shape.H, image.shape.W, image.shape.C};
  int64_t pooled[4];
  ConvAttributes window;
  window.pool_kernel[0] = window.pool_kernel[1] = 3;
  if (!max_pool_shape(window, dims, pooled).empty()) std::abort();
  LrnAttributes norm;
  norm.size = 5;
  auto run = [&](int j, const Parallel& parallel) {
    Floats y(image.x.size());
    if (j == 0)
      run_lrn(norm, image.x.data(), dims[0] * dims[1] * dims[2], dims[3], y.data(), parallel,
              micro);
    if (j == 1) run_max_pool(window, image.x.data(), dims, y.data(), pooled, parallel, micro);
    if (j == 2) run_global_average(image.x.data(), dims, y.data(), parallel, micro);
    return bytes_of(y);
  };
  compare(3, [&](int j) { return run(j, Parallel()); }, run, counts);
}

// The operators that take or give bytes; floats are images as ONNX has them here.
void try_bytes(const ConvLayer& layer, const MicroKernels& micro, Random& random, Counts* counts) {
  const Image& image = layer.images[2];
  const int64_t dims[4] = {image.shape.N, image.shape.H, image.shape.W, image.shape.C};
  const int64_t pixels = dims[1] * dims[2];
  const Quantization code{0.02f, 1 / 0.02f, 110};
  LrnAttributes norm;
  norm.size = 5;
  Bytes x(image.x.size());
  for (uint8_t& value : x) value = static_cast<uint8_t>(random.below(256));
  auto run = [&](int j, const Parallel& parallel) {
    Bytes y(x.size());
    if (j == 0)
      run_byte_lrn(norm, x.data(), code, dims[0] * pixels, dims[3], y.data(), code, parallel,
                   micro);
    if (j == 1)
      run_quantize_planes(image.x.data(), dims[0], dims[3], pixels, code, y.data(), parallel,
                          micro);
    if (j < 2) return bytes_of(y);
    Floats mean(static_cast<size_t>(dims[0] * dims[3]));
    run_byte_average(x.data(), dims, code, mean.data(), parallel, micro);
    return bytes_of(mean);
  };
  compare(3, [&](int j) { return run(j, Parallel()); }, run, counts);
}

}  // namespace

int main(int argc, char** argv) {
  const int layers = argc > 1 ? std::atoi(argv[1]) : 16;
  Random random(argc > 2 ? std::atoi(argv[2]) : 0);
  const std::vector<std::string> isas = available_isas();
  const std::vector<int> kernels = {1, 2, 3, 5};
  Counts counts;
  for (int i = 0; i < layers; i++) {
    const MicroKernels& micro = *kernels_for(random.pick(isas));
    const int kernel = random.pick(kernels), stride = 1 + random.below(2);
    ConvLayer layer(kernel, stride, stride == 2 ? 3 : 40, random.below(2) == 0, random);
    try_conv(layer, micro, &counts);
    if (i % 4 == 0) try_gemm(micro, random, &counts);
    if (i % 4 == 1) try_auxiliary(layer, micro, &counts);
    if (i % 4 == 2) try_bytes(layer, micro, random, &counts);
  }
  std::printf("tried %d, bad %d\n", counts.tried, counts.bad);
  return counts.bad > 0;
}
