// Runs a rewritten model from C++: the operator library is registered by its path, nothing of it is
// linked.
//
//   g++ -std=c++17 -O2 examples/cpp/run_model.cc -I/usr/include/onnxruntime -lonnxruntime -o
//   run_model spl-onnx rewrite models/digits_cnn.onnx fast.onnx
//   ./run_model fast.onnx "$(spl-onnx lib-path)"
//
// Every input must be float32; dimensions that the model leaves open become 1, and the values are a
// saw.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

// A float tensor of the shape that the model asks for; `values` must outlive it.
Ort::Value MakeInput(const Ort::Session& session, size_t index, std::vector<float>& values) {
  const Ort::TypeInfo type = session.GetInputTypeInfo(index);
  std::vector<int64_t> shape = type.GetTensorTypeAndShapeInfo().GetShape();
  size_t count = 1;
  for (int64_t& size : shape) {
    size = std::max<int64_t>(size, 1);
    count *= static_cast<size_t>(size);
  }
  values.resize(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 17) / 16.0f;
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  return Ort::Value::CreateTensor<float>(memory, values.data(), count, shape.data(), shape.size());
}

void Run(const char* model, const char* library) {
  const Ort::Env env(ORT_LOGGING_LEVEL_WARNING, "run_model");
  Ort::SessionOptions options;
  options.RegisterCustomOpsLibrary(library);
  Ort::Session session(env, model, options);

  Ort::AllocatorWithDefaultOptions allocator;
  std::vector<std::string> inputs, outputs;
  for (size_t i = 0; i < session.GetInputCount(); ++i) {
    inputs.emplace_back(session.GetInputNameAllocated(i, allocator).get());
  }
  for (size_t i = 0; i < session.GetOutputCount(); ++i) {
    outputs.emplace_back(session.GetOutputNameAllocated(i, allocator).get());
  }
  std::vector<const char*> input_names, output_names;
  for (const std::string& name : inputs) input_names.push_back(name.c_str());
  for (const std::string& name : outputs) output_names.push_back(name.c_str());

  std::vector<std::vector<float>> values(inputs.size());
  std::vector<Ort::Value> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    tensors.push_back(MakeInput(session, i, values[i]));
  }
  const std::vector<Ort::Value> results =
      session.Run(Ort::RunOptions{nullptr}, input_names.data(), tensors.data(), tensors.size(),
                  output_names.data(), output_names.size());

  for (size_t i = 0; i < results.size(); ++i) {
    const size_t count = results[i].GetTensorTypeAndShapeInfo().GetElementCount();
    std::printf("%s:", output_names[i]);
    for (size_t j = 0; j < std::min<size_t>(count, 10); ++j) {
      std::printf(" %.6g", static_cast<double>(results[i].GetTensorData<float>()[j]));
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL.onnx libspl_ops.so\n", argv[0]);
    return 2;
  }
  try {
    Run(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
