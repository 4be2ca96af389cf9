// Arguments of the bindings: arrays, attributes and threads, checked.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kernels/base/isa.h"
#include "kernels/gemm/gemm.h"
#include "kernels/srmm/conv_srmm.h"
#include "kernels/srmm/winograd/winograd.h"

namespace spl::python {

namespace py = pybind11;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Floats = py::array_t<float, py::array::c_style>;
using Bytes = py::array_t<uint8_t, py::array::c_style>;
using Signed = py::array_t<int8_t, py::array::c_style>;
template <class T>
using Maybe = std::optional<T>;
using Ints = std::vector<int64_t>;

// Floats of an array, or its bytes, of which one is null.
struct FloatsOrBytes {
  explicit FloatsOrBytes(const py::array& given) : is_bytes(py::isinstance<Bytes>(given)) {
    if (is_bytes)
      bytes = Bytes(given);
    else
      floats = Floats(given);
  }
  bool is_bytes;
  Floats floats;
  Bytes bytes;
};

inline void require(bool condition, const std::string& message) {
  if (!condition) throw py::value_error(message);
}

inline const spl::MicroKernels& micro_for(const Maybe<std::string>& isa) {
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

inline spl::ConvAttributes attributes(const Ints& strides, const Ints& pads, const Ints& dilations,
                                      int64_t group, const Ints& pool_kernel,
                                      const Ints& pool_strides, const Ints& pool_pads,
                                      bool pool_ceil) {
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

inline void shape_of(const py::array& a, int64_t dims[4], const char* name) {
  require(a.ndim() == 4, std::string(name) + ": wanted rank 4, got " + std::to_string(a.ndim()));
  for (int i = 0; i < 4; i++) dims[i] = a.shape(i);
}

inline spl::ConvShape conv_shape(const spl::ConvAttributes& at, const py::array& x,
                                 const py::array& w) {
  int64_t xd[4], wd[4];
  shape_of(x, xd, "X");
  shape_of(w, wd, "weights");
  spl::ConvShape shape;
  const std::string problem = spl::make_shape(at, xd, wd, &shape);
  require(problem.empty(), problem);
  return shape;
}

// Weights [O, K], or [K, O] when they are transposed.
inline spl::ConvShape gemm_shape(const py::array& x, const py::array& w, bool transposed = false) {
  require(x.ndim() == 2 && w.ndim() == 2, "X and weights: wanted rank 2");
  spl::ConvShape shape;
  const std::string problem = spl::make_gemm_shape(
      x.shape(0), x.shape(1), w.shape(transposed ? 1 : 0), w.shape(transposed ? 0 : 1), &shape);
  require(problem.empty(), problem);
  return shape;
}

inline spl::Residual residual_of(const Maybe<Floats>& r, const spl::ConvShape& shape) {
  if (!r) return {};
  require(r->size() == 1 || r->size() == shape.N * shape.oH * shape.oW * shape.O,
          "R: wanted one element or the size of the convolution output");
  return {r->data(), r->size() == 1};
}

inline const uint8_t* codes_of(const Maybe<Bytes>& s, const spl::ConvShape& shape) {
  if (!s) return nullptr;
  require(s->size() == shape.N * shape.pH * shape.pW * shape.O, "S: wanted the size of the output");
  return s->data();
}

inline const float* bias_of(const Maybe<Floats>& b, const spl::ConvShape& shape) {
  if (!b) return nullptr;
  require(b->size() == shape.O, "B: wanted one value per output channel");
  return b->data();
}

// Scale and zero point of quantised input into `out` [2].
inline void input_scale(const Floats& given, float* out) {
  require(given.size() == 1 || given.size() == 2, "Xscale: wanted 1 or 2 elements");
  out[1] = 0;
  std::copy(given.data(), given.data() + given.size(), out);
}

// Of input, residual or output in bytes.
inline spl::Quantization code_of(const Floats& given) {
  float pair[2];
  input_scale(given, pair);
  return {pair[0], 1.0f / pair[0], pair[1]};
}

inline spl::Precision precision_of(const std::string& name, const spl::ConvShape& shape) {
  if (name == "float32") return spl::Precision::kFloat32;
  if (name == "int8") return spl::Precision::kInt8;
  require(name == "int8_winograd", "precision: wanted float32, int8 or int8_winograd, got " + name);
  require(spl::winograd_suits(shape), "precision: the layer does not suit int8_winograd");
  return spl::Precision::kInt8Winograd;
}

inline spl::Strategy strategy_of(const std::string& name) {
  if (name == "auto") return spl::Strategy::kAuto;
  if (name == "select") return spl::Strategy::kSelect;
  if (name == "zero_skip") return spl::Strategy::kZeroSkip;
  require(name == "dense", "strategy: wanted auto, select, zero_skip or dense, got " + name);
  return spl::Strategy::kDense;
}

// Weights of SRMM: floats, or int8 with a scale for each output.
class Weights {
 public:
  Weights(const py::array& w, const Maybe<Floats>& scale, int64_t outputs)
      : is_int8_(py::isinstance<py::array_t<int8_t>>(w)), scale_(scale ? *scale : Floats(0)) {
    if (is_int8_)
      bytes_ = Signed(w);
    else
      floats_ = Floats(w);
    require(scale_.size() == (is_int8_ ? outputs : 0), "Wscale: wanted one per output of int8 W");
  }
  // `k` weights for each of the `outputs`, as [K, O] where they are transposed.
  spl::WeightMatrix matrix(int64_t k, int64_t outputs, bool transposed = false) const {
    spl::WeightMatrix all = transposed ? spl::rows_of_inputs(floats_.data(), outputs)
                                       : spl::rows_of_outputs(floats_.data(), k);
    if (is_int8_) all.data = nullptr, all.bytes = bytes_.data(), all.scale = scale_.data();
    return all;
  }

 private:
  bool is_int8_;
  Floats floats_, scale_;
  Signed bytes_;
};

// The arguments of a convolution, as lambdas take them and as Python sees them.
#define SPL_CONV_ARGS                                                                       \
  py::kw_only(), py::arg("strides") = Ints{1, 1}, py::arg("pads") = Ints{0, 0, 0, 0},       \
                 py::arg("dilations") = Ints{1, 1}, py::arg("group") = 1,                   \
                 py::arg("pool_kernel") = Ints{1, 1}, py::arg("pool_strides") = Ints{1, 1}, \
                 py::arg("pool_pads") = Ints{0, 0, 0, 0}, py::arg("pool_ceil") = false

}  // namespace spl::python
