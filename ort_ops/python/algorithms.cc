// The algorithms of SRMM one by one: which an image takes, what each is thought to cost, and its
// time.
#include <chrono>
#include <map>
#include <utility>

#include "python/arguments.h"
#include "python/bindings.h"

namespace spl::python {
namespace {

// The first image of a layer, for looking at the algorithms of SRMM one by one.
class OneImage {
 public:
  OneImage(const spl::ConvShape& shape, const py::array& x, const Floats& w, const Maybe<Bytes>& s,
           const Maybe<std::string>& isa, const std::string& precision)
      : shape_(shape.image(0)),
        x_(x),
        s_(codes_of(s, shape)),
        micro_(micro_for(isa)),
        layer_{shape_,  spl::rows_of_outputs(w.data(), shape.K()),
               nullptr, {0, kInfinity, 0},
               micro_,  precision_of(precision, shape_)} {}

  std::string chosen(spl::Strategy strategy) const {
    const spl::AlgorithmSet set(spl::conv_algorithms(), layer_, strategy, s_ != nullptr);
    return set.choose(shape_, look()).name;
  }

  std::map<std::string, std::pair<double, double>> times(int repeats) const {
    std::map<std::string, std::pair<double, double>> found;
    for (const spl::AlgorithmEntry& entry : spl::conv_algorithms())
      if (entry.precision == layer_.precision && entry.can(layer_, shape_) &&
          (s_ != nullptr || entry.work != spl::Work::kSelected))
        found[entry.name] = {entry.cost(shape_, look(), micro_), least_time(entry, repeats)};
    return found;
  }

 private:
  spl::ImageLook look() const {
    return x_.is_bytes ? spl::ImageLook(shape_, 0, 1, micro_)
                       : spl::ImageLook(shape_, x_.floats.data(), s_, micro_);
  }

  // Bytes give bytes.
  spl::SrmmInputs inputs(float* y) const {
    static const float scale[2] = {1, 0};
    spl::SrmmInputs in{};
    in.s = s_;
    if (x_.is_bytes) {
      in.x_bytes = x_.bytes.data(), in.x_scale = scale;
      in.y_bytes = reinterpret_cast<uint8_t*>(y), in.y_code = {1, 1, 0};
    } else {
      in.x = x_.floats.data(), in.y = y;
    }
    return in;
  }

  double least_time(const spl::AlgorithmEntry& entry, int repeats) const {
    using Clock = std::chrono::steady_clock;
    const spl::AlgorithmSet alone({entry}, layer_, spl::Strategy::kAuto, s_ != nullptr);
    std::vector<float> y(static_cast<size_t>(shape_.outputs()));
    const spl::SrmmInputs in = inputs(y.data());
    double least = kInfinity;
    for (int i = 0; i <= repeats; i++) {  // the first packs the weights
      const auto start = Clock::now();
      const std::string problem = alone.run(shape_, in, spl::Parallel());
      require(problem.empty(), problem);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (i > 0) least = std::min(least, seconds);
    }
    return least;
  }

  spl::ConvShape shape_;
  FloatsOrBytes x_;
  const uint8_t* s_;
  const spl::MicroKernels& micro_;
  spl::SrmmLayer layer_;
};

}  // namespace

void bind_algorithms(py::module_& m) {
  m.def(
      "conv_algorithm",
      [](py::array x, Floats w, Maybe<Bytes> s, Ints strides, Ints pads, Ints dilations,
         int64_t group, Ints pool_kernel, Ints pool_strides, Ints pool_pads, bool pool_ceil,
         std::string strategy, Maybe<std::string> isa, std::string precision) {
        const OneImage image(conv_shape(attributes(strides, pads, dilations, group, pool_kernel,
                                                   pool_strides, pool_pads, pool_ceil),
                                        x, w),
                             x, w, s, isa, precision);
        return image.chosen(strategy_of(strategy));
      },
      py::arg("x"), py::arg("w"), py::arg("s") = py::none(), SPL_CONV_ARGS,
      py::arg("strategy") = "auto", py::arg("isa") = py::none(), py::arg("precision") = "float32",
      "Name of the algorithm of SRMM that the first image takes.");

  m.def(
      "conv_algorithm_times",
      [](py::array x, Floats w, Maybe<Bytes> s, Ints strides, Ints pads, Ints dilations,
         int64_t group, Ints pool_kernel, Ints pool_strides, Ints pool_pads, bool pool_ceil,
         int repeats, Maybe<std::string> isa, std::string precision) {
        const OneImage image(conv_shape(attributes(strides, pads, dilations, group, pool_kernel,
                                                   pool_strides, pool_pads, pool_ceil),
                                        x, w),
                             x, w, s, isa, precision);
        return image.times(repeats);
      },
      py::arg("x"), py::arg("w"), py::arg("s") = py::none(), SPL_CONV_ARGS, py::arg("repeats") = 1,
      py::arg("isa") = py::none(), py::arg("precision") = "float32",
      "Per algorithm that can compute the first image: its estimated cost, and its least time in "
      "seconds.");
}

}  // namespace spl::python
