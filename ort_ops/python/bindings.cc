// spl_onnx._kernels: NumPy in, NumPy out, choice of the instruction set and number of threads.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/base/isa.h"
#include "kernels/gemm/gemm.h"
#include "kernels/pooling/global_average.h"
#include "kernels/pooling/lrn.h"
#include "kernels/pooling/max_pool.h"
#include "kernels/predict/conv_predict.h"
#include "kernels/srmm/conv_srmm.h"

namespace py = pybind11;

namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Bytes = py::array_t<uint8_t, py::array::c_style>;
using Signed = py::array_t<int8_t, py::array::c_style>;
template <class T>
using Maybe = std::optional<T>;
using Ints = std::vector<int64_t>;

void require(bool condition, const std::string& message) {
  if (!condition) throw py::value_error(message);
}

const spl::MicroKernels& micro_for(const Maybe<std::string>& isa) {
  if (!isa) return spl::active_kernels();
  const spl::MicroKernels* table = spl::kernels_for(*isa);
  require(table != nullptr, "isa: '" + *isa + "' is not available on this processor");
  return *table;
}

// Threads of its own, because there is no ONNX Runtime pool here; they count as seen, as those of a
// session do from its second run on.
class Team {
 public:
  explicit Team(int threads) : threads_(threads) { seen_.note(threads); }
  spl::Parallel parallel() {
    if (threads_ <= 1) return {};
    return {[](void* self, size_t count, spl::Parallel::Body fn, void* arg) {
              static_cast<Team*>(self)->run(count, fn, arg);
            },
            this, &seen_};
  }

 private:
  void run(size_t count, spl::Parallel::Body fn, void* arg) {
    std::atomic<size_t> next{0};
    auto work = [&] {
      for (size_t i = next++; i < count; i = next++) fn(arg, i);
    };
    std::vector<std::thread> team;
    for (int t = 1; t < threads_; t++) team.emplace_back(work);
    work();
    for (std::thread& thread : team) thread.join();
  }
  int threads_;
  spl::ThreadsSeen seen_;
};

spl::ConvAttributes attributes(const Ints& strides, const Ints& pads, const Ints& dilations,
                               int64_t group, const Ints& pool_kernel, const Ints& pool_strides,
                               const Ints& pool_pads, bool pool_ceil) {
  require(strides.size() == 2 && pads.size() == 4 && dilations.size() == 2 &&
              pool_kernel.size() == 2 && pool_strides.size() == 2 && pool_pads.size() == 4,
          "attributes: wanted 2 strides, 4 pads, 2 dilations, and the same for pooling");
  spl::ConvAttributes at;
  std::copy(strides.begin(), strides.end(), at.strides);
  std::copy(pads.begin(), pads.end(), at.pads);
  std::copy(dilations.begin(), dilations.end(), at.dilations);
  at.group = group;
  std::copy(pool_kernel.begin(), pool_kernel.end(), at.pool_kernel);
  std::copy(pool_strides.begin(), pool_strides.end(), at.pool_strides);
  std::copy(pool_pads.begin(), pool_pads.end(), at.pool_pads);
  at.pool_ceil = pool_ceil;
  return at;
}

void shape_of(const py::array& a, int64_t dims[4], const char* name) {
  require(a.ndim() == 4, std::string(name) + ": wanted rank 4, got " + std::to_string(a.ndim()));
  for (int i = 0; i < 4; i++) dims[i] = a.shape(i);
}

spl::ConvShape conv_shape(const spl::ConvAttributes& at, const Floats& x, const py::array& w) {
  int64_t xd[4], wd[4];
  shape_of(x, xd, "X");
  shape_of(w, wd, "weights");
  spl::ConvShape shape;
  const std::string problem = spl::make_shape(at, xd, wd, &shape);
  require(problem.empty(), problem);
  return shape;
}

// Weights [O, K], or [K, O] when they are transposed.
spl::ConvShape gemm_shape(const Floats& x, const py::array& w, bool transposed = false) {
  require(x.ndim() == 2 && w.ndim() == 2, "X and weights: wanted rank 2");
  spl::ConvShape shape;
  const std::string problem = spl::make_gemm_shape(
      x.shape(0), x.shape(1), w.shape(transposed ? 1 : 0), w.shape(transposed ? 0 : 1), &shape);
  require(problem.empty(), problem);
  return shape;
}

spl::Residual residual_of(const Maybe<Floats>& r, const spl::ConvShape& shape) {
  if (!r) return {};
  require(r->size() == 1 || r->size() == shape.N * shape.oH * shape.oW * shape.O,
          "R: wanted one element or the size of the convolution output");
  return {r->data(), r->size() == 1};
}

const uint8_t* codes_of(const Maybe<Bytes>& s, const spl::ConvShape& shape) {
  if (!s) return nullptr;
  require(s->size() == shape.N * shape.pH * shape.pW * shape.O, "S: wanted the size of the output");
  return s->data();
}

const float* bias_of(const Maybe<Floats>& b, const spl::ConvShape& shape) {
  if (!b) return nullptr;
  require(b->size() == shape.O, "B: wanted one value per output channel");
  return b->data();
}

spl::Strategy strategy_of(const std::string& name) {
  if (name == "auto") return spl::Strategy::kAuto;
  if (name == "select") return spl::Strategy::kSelect;
  if (name == "zero_skip") return spl::Strategy::kZeroSkip;
  require(name == "dense", "strategy: wanted auto, select, zero_skip or dense, got " + name);
  return spl::Strategy::kDense;
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The first image of a layer, for looking at the algorithms of SRMM one by one.
class OneImage {
 public:
  OneImage(const spl::ConvShape& shape, const Floats& x, const Floats& w, const Maybe<Bytes>& s,
           const Maybe<std::string>& isa)
      : shape_(shape.image(0)),
        x_(x.data()),
        s_(codes_of(s, shape)),
        micro_(micro_for(isa)),
        layer_{shape_,  spl::rows_of_outputs(w.data(), shape.K()),
               nullptr, {0, kInfinity, 0},
               micro_,  nullptr} {}

  std::string chosen(spl::Strategy strategy) const {
    const spl::AlgorithmSet set(spl::conv_algorithms(), layer_, strategy, s_ != nullptr);
    return set.choose(shape_, look()).name;
  }

  std::map<std::string, std::pair<double, double>> times(int repeats) const {
    std::map<std::string, std::pair<double, double>> found;
    for (const spl::AlgorithmEntry& entry : spl::conv_algorithms())
      if (entry.can(layer_, shape_) && (s_ != nullptr || entry.work != spl::Work::kSelected))
        found[entry.name] = {entry.cost(shape_, look(), micro_), least_time(entry, repeats)};
    return found;
  }

 private:
  spl::ImageLook look() const { return spl::ImageLook(shape_, x_, s_, micro_); }

  double least_time(const spl::AlgorithmEntry& entry, int repeats) const {
    using Clock = std::chrono::steady_clock;
    const spl::AlgorithmSet alone({entry}, layer_, spl::Strategy::kAuto, s_ != nullptr);
    std::vector<float> y(static_cast<size_t>(shape_.outputs()));
    double least = kInfinity;
    for (int i = 0; i <= repeats; i++) {  // the first packs the weights
      const auto start = Clock::now();
      const std::string problem = alone.run(shape_, {x_, s_, {}, y.data()}, spl::Parallel());
      require(problem.empty(), problem);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (i > 0) least = std::min(least, seconds);
    }
    return least;
  }

  spl::ConvShape shape_;
  const float* x_;
  const uint8_t* s_;
  const spl::MicroKernels& micro_;
  spl::SrmmLayer layer_;
};

template <class Kernel>
Floats run_srmm(const spl::ConvShape& shape, const Ints& dims, const Floats& x,
                const spl::WeightMatrix& w, const Maybe<Floats>& b, const Maybe<Bytes>& s,
                const Maybe<Floats>& r, const spl::Clamp& clamp, const std::string& strategy,
                const Maybe<std::string>& isa, int threads) {
  Floats y(dims);
  const spl::SrmmInputs in{x.data(), codes_of(s, shape), residual_of(r, shape), y.mutable_data()};
  const Kernel kernel(shape, w, bias_of(b, shape), clamp, strategy_of(strategy), in.s != nullptr,
                      micro_for(isa));
  Team team(threads);
  const std::string problem = kernel.run(shape, in, team.parallel());
  require(problem.empty(), problem);
  return y;
}

Bytes run_predict(const spl::ConvShape& shape, const Ints& dims, bool rows, const Floats& x,
                  const py::array& wp, const Floats& bp, const Maybe<Floats>& wscale,
                  const Maybe<Floats>& xscale, const Maybe<Floats>& r, bool select_all,
                  const Maybe<std::string>& isa, int threads) {
  spl::PredictorWeights weights;
  weights.bias = bias_of(bp, shape);
  const bool is_int8 = py::isinstance<py::array_t<int8_t>>(wp);
  const Signed i8 = is_int8 ? Signed(wp) : Signed();
  const Floats f32 = is_int8 ? Floats() : Floats(wp);
  if (is_int8) {
    require(wscale.has_value() && wscale->size() == shape.O, "Wscale: wanted one per output");
    weights.i8 = i8.data();
    weights.scale = wscale->data();
  } else {
    weights.f32 = f32.data();
  }
  float scale[2] = {1, 0};
  if (xscale) {
    require(xscale->size() == 1 || xscale->size() == 2, "Xscale: wanted 1 or 2 elements");
    std::copy(xscale->data(), xscale->data() + xscale->size(), scale);
  }
  Bytes out(dims);
  const spl::PredictInputs in{x.data(), residual_of(r, shape), xscale ? scale : nullptr,
                              out.mutable_data()};
  const spl::ConvPredict kernel(shape, weights, select_all, rows, micro_for(isa));
  Team team(threads);
  const std::string problem = kernel.run(shape, in, team.parallel());
  require(problem.empty(), problem);
  return out;
}

Floats run_lrn(const Floats& x, const spl::LrnAttributes& at, const Maybe<std::string>& isa,
               int threads) {
  int64_t dims[4];
  shape_of(x, dims, "X");
  const std::string wrong = at.check();
  require(wrong.empty(), wrong);
  Floats y(Ints(dims, dims + 4));
  Team team(threads);
  const std::string problem = spl::run_lrn(at, x.data(), dims[0] * dims[1] * dims[2], dims[3],
                                           y.mutable_data(), team.parallel(), micro_for(isa));
  require(problem.empty(), problem);
  return y;
}

Floats run_max_pool(const Floats& x, const spl::ConvAttributes& at, const Maybe<std::string>& isa,
                    int threads) {
  int64_t dims[4], out[4];
  shape_of(x, dims, "X");
  std::string problem = spl::max_pool_shape(at, dims, out);
  require(problem.empty(), problem);
  Floats y(Ints(out, out + 4));
  Team team(threads);
  problem =
      spl::run_max_pool(at, x.data(), dims, y.mutable_data(), out, team.parallel(), micro_for(isa));
  require(problem.empty(), problem);
  return y;
}

Floats run_global_average(const Floats& x, const Maybe<std::string>& isa, int threads) {
  int64_t dims[4];
  shape_of(x, dims, "X");
  Floats y(Ints{dims[0], 1, 1, dims[3]});
  Team team(threads);
  const std::string problem =
      spl::run_global_average(x.data(), dims, y.mutable_data(), team.parallel(), micro_for(isa));
  require(problem.empty(), problem);
  return y;
}

}  // namespace

PYBIND11_MODULE(_kernels, m) {
  m.doc() = "Kernels of spl-onnx without ONNX Runtime; semantics: docs/operators.md.";
  m.def("isa_names", &spl::available_isas, "Instruction sets that run here, slowest first.");
  m.def(
      "active_isa", [] { return std::string(spl::active_kernels().isa); },
      "Instruction set in use (SPL_ONNX_ISA overrides the choice).");

  m.def(
      "scratch_bytes", [] { return spl::thread_scratch().bytes(); },
      "Bytes of work space that the calling thread keeps for its next calls.");

#define SPL_CONV_ARGS                                                                       \
  py::kw_only(), py::arg("strides") = Ints{1, 1}, py::arg("pads") = Ints{0, 0, 0, 0},       \
                 py::arg("dilations") = Ints{1, 1}, py::arg("group") = 1,                   \
                 py::arg("pool_kernel") = Ints{1, 1}, py::arg("pool_strides") = Ints{1, 1}, \
                 py::arg("pool_pads") = Ints{0, 0, 0, 0}, py::arg("pool_ceil") = false

  m.def(
      "conv_srmm",
      [](Floats x, Floats w, Maybe<Floats> b, Maybe<Bytes> s, Maybe<Floats> r, Ints strides,
         Ints pads, Ints dilations, int64_t group, Ints pool_kernel, Ints pool_strides,
         Ints pool_pads, bool pool_ceil, float clip_min, float clip_max, float floor,
         std::string strategy, Maybe<std::string> isa, int threads) {
        const auto shape = conv_shape(attributes(strides, pads, dilations, group, pool_kernel,
                                                 pool_strides, pool_pads, pool_ceil),
                                      x, w);
        return run_srmm<spl::ConvSrmm>(shape, {shape.N, shape.pH, shape.pW, shape.O}, x,
                                       spl::rows_of_outputs(w.data(), shape.K()), b, s, r,
                                       {clip_min, clip_max, floor}, strategy, isa, threads);
      },
      py::arg("x"), py::arg("w"), py::arg("b") = py::none(), py::arg("s") = py::none(),
      py::arg("r") = py::none(), SPL_CONV_ARGS, py::arg("clip_min") = 0.0f,
      py::arg("clip_max") = kInfinity, py::arg("floor") = 0.0f, py::arg("strategy") = "auto",
      py::arg("isa") = py::none(), py::arg("threads") = 1);

  m.def(
      "conv_algorithm",
      [](Floats x, Floats w, Maybe<Bytes> s, Ints strides, Ints pads, Ints dilations, int64_t group,
         Ints pool_kernel, Ints pool_strides, Ints pool_pads, bool pool_ceil, std::string strategy,
         Maybe<std::string> isa) {
        const OneImage image(conv_shape(attributes(strides, pads, dilations, group, pool_kernel,
                                                   pool_strides, pool_pads, pool_ceil),
                                        x, w),
                             x, w, s, isa);
        return image.chosen(strategy_of(strategy));
      },
      py::arg("x"), py::arg("w"), py::arg("s") = py::none(), SPL_CONV_ARGS,
      py::arg("strategy") = "auto", py::arg("isa") = py::none(),
      "Name of the algorithm of SRMM that the first image takes.");

  m.def(
      "conv_algorithm_times",
      [](Floats x, Floats w, Maybe<Bytes> s, Ints strides, Ints pads, Ints dilations, int64_t group,
         Ints pool_kernel, Ints pool_strides, Ints pool_pads, bool pool_ceil, int repeats,
         Maybe<std::string> isa) {
        const OneImage image(conv_shape(attributes(strides, pads, dilations, group, pool_kernel,
                                                   pool_strides, pool_pads, pool_ceil),
                                        x, w),
                             x, w, s, isa);
        return image.times(repeats);
      },
      py::arg("x"), py::arg("w"), py::arg("s") = py::none(), SPL_CONV_ARGS, py::arg("repeats") = 1,
      py::arg("isa") = py::none(),
      "Per algorithm that can compute the first image: its estimated cost, and its least time in "
      "seconds.");

  m.def(
      "conv_predict",
      [](Floats x, py::array wp, Floats bp, Maybe<Floats> wscale, Maybe<Floats> xscale,
         Maybe<Floats> r, Ints strides, Ints pads, Ints dilations, int64_t group, Ints pool_kernel,
         Ints pool_strides, Ints pool_pads, bool pool_ceil, bool select_all, Maybe<std::string> isa,
         int threads) {
        const auto shape = conv_shape(attributes(strides, pads, dilations, group, pool_kernel,
                                                 pool_strides, pool_pads, pool_ceil),
                                      x, wp);
        return run_predict(shape, {shape.N, shape.pH, shape.pW, shape.O}, false, x, wp, bp, wscale,
                           xscale, r, select_all, isa, threads);
      },
      py::arg("x"), py::arg("wp"), py::arg("bp"), py::arg("wscale") = py::none(),
      py::arg("xscale") = py::none(), py::arg("r") = py::none(), SPL_CONV_ARGS,
      py::arg("select_all") = false, py::arg("isa") = py::none(), py::arg("threads") = 1);

  m.def(
      "gemm_srmm",
      [](Floats x, Floats w, Maybe<Floats> b, Maybe<Bytes> s, Maybe<Floats> r, float clip_min,
         float clip_max, float floor, std::string strategy, bool transposed, Maybe<std::string> isa,
         int threads) {
        const auto shape = gemm_shape(x, w, transposed);
        const auto weights = transposed ? spl::rows_of_inputs(w.data(), shape.O)
                                        : spl::rows_of_outputs(w.data(), shape.C);
        return run_srmm<spl::GemmSrmm>(shape, {shape.W, shape.O}, x, weights, b, s, r,
                                       {clip_min, clip_max, floor}, strategy, isa, threads);
      },
      py::arg("x"), py::arg("w"), py::arg("b") = py::none(), py::arg("s") = py::none(),
      py::arg("r") = py::none(), py::kw_only(), py::arg("clip_min") = 0.0f,
      py::arg("clip_max") = kInfinity, py::arg("floor") = 0.0f, py::arg("strategy") = "auto",
      py::arg("transposed") = false, py::arg("isa") = py::none(), py::arg("threads") = 1);

  m.def(
      "gemm_predict",
      [](Floats x, py::array wp, Floats bp, Maybe<Floats> wscale, Maybe<Floats> xscale,
         Maybe<Floats> r, Maybe<std::string> isa, int threads) {
        const auto shape = gemm_shape(x, wp);
        return run_predict(shape, {shape.W, shape.O}, true, x, wp, bp, wscale, xscale, r, false,
                           isa, threads);
      },
      py::arg("x"), py::arg("wp"), py::arg("bp"), py::arg("wscale") = py::none(),
      py::arg("xscale") = py::none(), py::arg("r") = py::none(), py::kw_only(),
      py::arg("isa") = py::none(), py::arg("threads") = 1);

  m.def(
      "lrn",
      [](Floats x, int64_t size, float alpha, float beta, float bias, Maybe<std::string> isa,
         int threads) { return run_lrn(x, {size, alpha, beta, bias}, isa, threads); },
      py::arg("x"), py::kw_only(), py::arg("size"), py::arg("alpha"), py::arg("beta"),
      py::arg("bias"), py::arg("isa") = py::none(), py::arg("threads") = 1);

  m.def(
      "max_pool",
      [](Floats x, Ints kernel, Ints strides, Ints pads, bool ceil, Maybe<std::string> isa,
         int threads) {
        return run_max_pool(
            x, attributes({1, 1}, {0, 0, 0, 0}, {1, 1}, 1, kernel, strides, pads, ceil), isa,
            threads);
      },
      py::arg("x"), py::kw_only(), py::arg("pool_kernel"), py::arg("pool_strides") = Ints{1, 1},
      py::arg("pool_pads") = Ints{0, 0, 0, 0}, py::arg("pool_ceil") = false,
      py::arg("isa") = py::none(), py::arg("threads") = 1);

  m.def("global_average", &run_global_average, py::arg("x"), py::kw_only(),
        py::arg("isa") = py::none(), py::arg("threads") = 1);
}
