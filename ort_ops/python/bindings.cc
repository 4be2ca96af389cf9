// spl_onnx._kernels: NumPy in, NumPy out, choice of the instruction set and number of threads.
#include "python/bindings.h"

#include "kernels/border/planes.h"
#include "kernels/pooling/global_average.h"
#include "kernels/pooling/lrn.h"
#include "kernels/pooling/max_pool.h"
#include "kernels/predict/conv_predict.h"
#include "python/arguments.h"

namespace spl::python {
namespace {

// Scales of what SRMM takes and gives as bytes.
struct ByteScales {
  Maybe<Floats> x, r, y;
};

template <class Kernel>
py::array run_srmm(const spl::ConvShape& shape, const Ints& dims, const py::array& x,
                   const spl::WeightMatrix& w, const Maybe<Floats>& b, const Maybe<Bytes>& s,
                   const Maybe<py::array>& r, const spl::Clamp& clamp, const std::string& strategy,
                   const std::string& precision, const ByteScales& scales,
                   const Maybe<std::string>& isa, int threads) {
  const FloatsOrBytes input(x), added(r ? *r : py::array(Floats(0)));
  float x_scale[2];
  spl::SrmmInputs in{};
  in.s = codes_of(s, shape);
  if (scales.x) input_scale(*scales.x, x_scale), in.x_scale = x_scale;
  if (input.is_bytes) {
    require(in.x_scale != nullptr, "X: bytes need an Xscale");
    in.x_bytes = input.bytes.data();
  } else {
    require(!scales.x || precision == "int8", "Xscale: wanted with precision int8 only");
    in.x = input.floats.data();
  }
  if (r && added.is_bytes) {
    require(scales.r.has_value(), "R: bytes need an Rscale");
    require(added.bytes.size() == shape.N * shape.oH * shape.oW * shape.O, "R: wrong size");
    in.residual.bytes = added.bytes.data();
    in.residual.code = code_of(*scales.r);
  } else if (r) {
    in.residual = residual_of(added.floats, shape);
  }
  py::array y = scales.y ? py::array(Bytes(dims)) : py::array(Floats(dims));
  if (scales.y) {
    in.y_code = code_of(*scales.y);
    in.y_bytes = static_cast<uint8_t*>(y.mutable_data());
  } else {
    in.y = static_cast<float*>(y.mutable_data());
  }
  const Kernel kernel(shape, w, bias_of(b, shape), clamp, strategy_of(strategy), in.s != nullptr,
                      micro_for(isa), precision_of(precision, shape));
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
  float scale[2];
  if (xscale) input_scale(*xscale, scale);
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

Bytes run_byte_lrn(const Bytes& x, const Floats& xscale, const Floats& yscale,
                   const spl::LrnAttributes& at, const Maybe<std::string>& isa, int threads) {
  int64_t dims[4];
  shape_of(x, dims, "X");
  const std::string wrong = at.check_bytes();
  require(wrong.empty(), wrong);
  Bytes y(Ints(dims, dims + 4));
  Team team(threads);
  const std::string problem =
      spl::run_byte_lrn(at, x.data(), code_of(xscale), dims[0] * dims[1] * dims[2], dims[3],
                        y.mutable_data(), code_of(yscale), team.parallel(), micro_for(isa));
  require(problem.empty(), problem);
  return y;
}

Floats run_byte_average(const Bytes& x, const Floats& xscale, const Maybe<std::string>& isa,
                        int threads) {
  int64_t dims[4];
  shape_of(x, dims, "X");
  Floats y(Ints{dims[0], 1, 1, dims[3]});
  Team team(threads);
  const std::string problem = spl::run_byte_average(
      x.data(), dims, code_of(xscale), y.mutable_data(), team.parallel(), micro_for(isa));
  require(problem.empty(), problem);
  return y;
}

Bytes run_quantize_planes(const Floats& x, const Floats& yscale, const Maybe<std::string>& isa,
                          int threads) {
  int64_t dims[4];
  shape_of(x, dims, "X");
  Bytes y(Ints{dims[0], dims[2], dims[3], dims[1]});
  Team team(threads);
  const std::string problem =
      spl::run_quantize_planes(x.data(), dims[0], dims[1], dims[2] * dims[3], code_of(yscale),
                               y.mutable_data(), team.parallel(), micro_for(isa));
  require(problem.empty(), problem);
  return y;
}

}  // namespace
}  // namespace spl::python

using namespace spl::python;

PYBIND11_MODULE(_kernels, m) {
  m.doc() = "Kernels of spl-onnx without ONNX Runtime; semantics: docs/operators.md.";
  m.def("isa_names", &spl::available_isas, "Instruction sets that run here, slowest first.");
  m.def(
      "active_isa", [] { return std::string(spl::active_kernels().isa); },
      "Instruction set in use (SPL_ONNX_ISA overrides the choice).");

  m.def(
      "scratch_bytes", [] { return spl::thread_scratch().bytes(); },
      "Bytes of work space that the calling thread keeps for its next calls.");

  m.def(
      "conv_srmm",
      [](py::array x, py::array w, Maybe<Floats> b, Maybe<Bytes> s, Maybe<py::array> r,
         Ints strides, Ints pads, Ints dilations, int64_t group, Ints pool_kernel,
         Ints pool_strides, Ints pool_pads, bool pool_ceil, float clip_min, float clip_max,
         float floor, std::string strategy, std::string precision, Maybe<Floats> xscale,
         Maybe<Floats> rscale, Maybe<Floats> yscale, Maybe<Floats> wscale, Maybe<std::string> isa,
         int threads) {
        const auto shape = conv_shape(attributes(strides, pads, dilations, group, pool_kernel,
                                                 pool_strides, pool_pads, pool_ceil),
                                      x, w);
        const Weights weights(w, wscale, shape.O);
        return run_srmm<spl::ConvSrmm>(shape, {shape.N, shape.pH, shape.pW, shape.O}, x,
                                       weights.matrix(shape.K(), shape.O), b, s, r,
                                       {clip_min, clip_max, floor}, strategy, precision,
                                       {xscale, rscale, yscale}, isa, threads);
      },
      py::arg("x"), py::arg("w"), py::arg("b") = py::none(), py::arg("s") = py::none(),
      py::arg("r") = py::none(), SPL_CONV_ARGS, py::arg("clip_min") = 0.0f,
      py::arg("clip_max") = kInfinity, py::arg("floor") = 0.0f, py::arg("strategy") = "auto",
      py::arg("precision") = "float32", py::arg("xscale") = py::none(),
      py::arg("rscale") = py::none(), py::arg("yscale") = py::none(),
      py::arg("wscale") = py::none(), py::arg("isa") = py::none(), py::arg("threads") = 1);

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
      [](py::array x, py::array w, Maybe<Floats> b, Maybe<Bytes> s, Maybe<py::array> r,
         float clip_min, float clip_max, float floor, std::string strategy, bool transposed,
         std::string precision, Maybe<Floats> xscale, Maybe<Floats> rscale, Maybe<Floats> yscale,
         Maybe<Floats> wscale, Maybe<std::string> isa, int threads) {
        const auto shape = gemm_shape(x, w, transposed);
        const Weights weights(w, wscale, shape.O);
        return run_srmm<spl::GemmSrmm>(shape, {shape.W, shape.O}, x,
                                       weights.matrix(shape.C, shape.O, transposed), b, s, r,
                                       {clip_min, clip_max, floor}, strategy, precision,
                                       {xscale, rscale, yscale}, isa, threads);
      },
      py::arg("x"), py::arg("w"), py::arg("b") = py::none(), py::arg("s") = py::none(),
      py::arg("r") = py::none(), py::kw_only(), py::arg("clip_min") = 0.0f,
      py::arg("clip_max") = kInfinity, py::arg("floor") = 0.0f, py::arg("strategy") = "auto",
      py::arg("transposed") = false, py::arg("precision") = "float32",
      py::arg("xscale") = py::none(), py::arg("rscale") = py::none(),
      py::arg("yscale") = py::none(), py::arg("wscale") = py::none(), py::arg("isa") = py::none(),
      py::arg("threads") = 1);

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

  m.def(
      "byte_lrn",
      [](Bytes x, Floats xscale, Floats yscale, int64_t size, float alpha, float beta, float bias,
         Maybe<std::string> isa, int threads) {
        return run_byte_lrn(x, xscale, yscale, {size, alpha, beta, bias}, isa, threads);
      },
      py::arg("x"), py::arg("xscale"), py::arg("yscale"), py::kw_only(), py::arg("size"),
      py::arg("alpha"), py::arg("beta"), py::arg("bias"), py::arg("isa") = py::none(),
      py::arg("threads") = 1);

  m.def("byte_average", &run_byte_average, py::arg("x"), py::arg("xscale"), py::kw_only(),
        py::arg("isa") = py::none(), py::arg("threads") = 1);

  m.def("channels_last_quantize", &run_quantize_planes, py::arg("x"), py::arg("yscale"),
        py::kw_only(), py::arg("isa") = py::none(), py::arg("threads") = 1);

  bind_algorithms(m);
  bind_micro(m);
}
