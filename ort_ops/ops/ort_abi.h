// The part of ONNX Runtime's C interface that a custom operator library uses, declared by hand.
//
// A custom operator library links to nothing of ONNX Runtime: at registration it receives a table
// of functions whose slots never move (checked from API 8 to 29), and it hands back records of
// callbacks (OrtCustomOp). Those two layouts are the whole binary interface, and neither the
// onnxruntime wheel nor most distributions ship the headers. API 17 (ONNX Runtime 1.17) is the
// first with all that is needed here, so one file serves 1.17 and everything newer.
//
// tests/ort_ops/test_library.py compares the layout with the official header where one is
// installed. Do not include this file together with onnxruntime_c_api.h.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct OrtAllocator;
struct OrtCustomOpDomain;
struct OrtKernelContext;
struct OrtKernelInfo;
struct OrtMemoryInfo;
struct OrtOpAttr;
struct OrtSessionOptions;
struct OrtShapeInferContext;
struct OrtStatus;
struct OrtTensorTypeAndShapeInfo;
struct OrtValue;

struct OrtApi {
  void* slots[278];  // API 17 has 276, API 18 two more that are used here; newer tables only append
};

struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);  // null when the runtime is older
  const char* (*GetVersionString)();
};

// Callbacks of one kernel. ONNX Runtime reads the fields of `version` and older only.
struct OrtCustomOp {
  uint32_t version;
  void* (*CreateKernel)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*);
  const char* (*GetName)(const OrtCustomOp*);
  const char* (*GetExecutionProviderType)(const OrtCustomOp*);  // null result = CPU
  int (*GetInputType)(const OrtCustomOp*, size_t);
  size_t (*GetInputTypeCount)(const OrtCustomOp*);
  int (*GetOutputType)(const OrtCustomOp*, size_t);
  size_t (*GetOutputTypeCount)(const OrtCustomOp*);
  void (*KernelCompute)(void*, OrtKernelContext*);
  void (*KernelDestroy)(void*);
  int (*GetInputCharacteristic)(const OrtCustomOp*, size_t);
  int (*GetOutputCharacteristic)(const OrtCustomOp*, size_t);
  int (*GetInputMemoryType)(const OrtCustomOp*, size_t);
  int (*GetVariadicInputMinArity)(const OrtCustomOp*);
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp*);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp*);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp*);
  OrtStatus* (*CreateKernelV2)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*, void**);
  OrtStatus* (*KernelComputeV2)(void*, OrtKernelContext*);
  OrtStatus* (*InferOutputShapeFn)(const OrtCustomOp*, OrtShapeInferContext*);
  int (*GetStartVersion)(const OrtCustomOp*);
  int (*GetEndVersion)(const OrtCustomOp*);
  size_t (*GetMayInplace)(int**, int**);
  void (*ReleaseMayInplace)(int*, int*);
  size_t (*GetAliasMap)(int**, int**);
  void (*ReleaseAliasMap)(int*, int*);
};

}  // extern "C"

static_assert(sizeof(void*) == 8, "the layout below is the 64-bit one");
static_assert(offsetof(OrtCustomOp, KernelDestroy) == 9 * 8, "first fields");
static_assert(offsetof(OrtCustomOp, CreateKernelV2) == 17 * 8, "fields of API 16");
static_assert(offsetof(OrtCustomOp, InferOutputShapeFn) == 19 * 8, "fields of API 17");
static_assert(sizeof(OrtCustomOp) == 26 * 8, "fields of API 18");

namespace spl::ort {

constexpr uint32_t kApiVersion = 17;

// Values of the official enumerations.
enum ElementType { kFloat = 1, kUint8 = 2, kInt8 = 3, kFloat16 = 10 };
enum Characteristic { kRequired = 0, kOptional = 1 };
// Where a kernel finds an input: in the memory of its provider's device, or in the host's.
enum MemoryType { kDeviceMemory = 0, kHostMemory = -2 };
enum AttributeType { kAttributeInt = 1, kAttributeInts = 2 };
enum ErrorCode { kFail = 1, kInvalidArgument = 2 };

// Slots of the function table, by official name.
enum Slot {
  CreateStatus = 0,
  CreateCustomOpDomain = 26,
  CustomOpDomain_Add = 27,
  AddCustomOpDomain = 28,
  GetTensorMutableData = 51,
  CreateTensorTypeAndShapeInfo = 57,
  SetTensorElementType = 58,
  SetDimensions = 59,
  GetTensorElementType = 60,
  GetDimensionsCount = 61,
  GetDimensions = 62,
  GetSymbolicDimensions = 63,
  GetTensorTypeAndShape = 65,
  AllocatorAlloc = 75,
  AllocatorFree = 76,
  KernelInfoGetAttribute_float = 85,
  KernelInfoGetAttribute_int64 = 86,
  KernelInfoGetAttribute_string = 87,
  KernelContext_GetInputCount = 88,
  KernelContext_GetInput = 90,
  KernelContext_GetOutput = 91,
  ReleaseStatus = 93,
  ReleaseTensorTypeAndShapeInfo = 99,
  ReleaseAllocator = 132,
  KernelInfoGetAttributeArray_float = 162,
  KernelInfoGetAttributeArray_int64 = 163,
  KernelContext_GetGPUComputeStream = 193,
  GetTensorMemoryInfo = 194,
  KernelInfo_GetInputCount = 230,
  KernelInfo_GetInputName = 232,
  KernelInfo_GetNodeName = 244,
  KernelInfoGetConstantInput_tensor = 249,
  KernelContext_GetAllocator = 253,
  ShapeInferContext_GetInputCount = 267,
  ShapeInferContext_GetInputTypeShape = 268,
  ShapeInferContext_GetAttribute = 269,
  ShapeInferContext_SetOutputTypeShape = 270,
  SetSymbolicDimensions = 271,
  ReadOpAttr = 272,
  KernelContext_ParallelFor = 274,
  KernelContext_GetScratchBuffer = 277,  // of API 18: ONNX Runtime 1.18 and newer
};

}  // namespace spl::ort
