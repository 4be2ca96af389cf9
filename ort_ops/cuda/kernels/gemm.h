// SRMM and SPLPredict on matrices: X [rows, K], weights [O, K], both row by row.
//
// Two families. gemm_rows.cu reads whole weight rows, but only those that are selected.
// gemm_columns.cu reads the weights transposed, but only where inputs are not zero. Sums of an
// output have an order that depends on K alone, so its bits do not depend on batch, density or
// strategy of the others.
//
// All pointers are device pointers. Nothing here waits or allocates: work is queued on the stream,
// and the caller gives scratch memory of the size that the function beside it says.
#pragma once

#include "cuda/kernels/element.h"
#include "cuda/kernels/finish.h"

namespace spl::cuda {

struct GemmShape {
  int64_t rows, k, outputs;
};

// --- Transposed weights, made once ---------------------------------------------------------------
enum class Weights { kFloat, kHalf, kInt8 };

// [K, pitch] with zeros behind the outputs, so that every row is read 16 bytes at a time.
size_t transposed_bytes(Weights type, int64_t k, int64_t outputs);
Status transpose_weights(Weights type, const void* w, int64_t k, int64_t outputs, void* transposed,
                         Stream stream);

// --- SRMM ----------------------------------------------------------------------------------------
struct GemmSrmm {
  GemmShape shape;
  Element element;       // of x, w, bias, residual and y
  const void* x;         // [rows, K]
  const void* w;         // [O, K]; not read where `transposed` is given
  const void* bias;      // [O] or null
  const uint8_t* s;      // [rows, O] or null: all outputs
  const void* residual;  // [rows, O], one element, or null
  bool one_residual;
  Activation activation;
  void* y;  // [rows, O]
};

// Reads the weight rows that some row of X selects.
size_t gemm_rows_scratch(const GemmShape& shape);
Status gemm_srmm_rows(const GemmSrmm& call, void* scratch, Stream stream);

// Reads the transposed weight rows of inputs that are not zero.
size_t gemm_columns_scratch(const GemmShape& shape);
Status gemm_srmm_columns(const GemmSrmm& call, const void* transposed, void* scratch,
                         Stream stream);

// --- SPLPredict ----------------------------------------------------------------------------------
struct GemmPredict {
  GemmShape shape;
  Element element;            // of x and residual
  Weights weights;            // kInt8, or as `element`
  const void* x;              // [rows, K]
  const void* transposed;     // of transpose_weights
  const float* bias;          // [O]
  const float* weight_scale;  // [O] with int8 weights
  float scale, zero;          // of the input; scale 0: from the range of each row
  const void* residual;       // [rows, O], one element, or null
  bool one_residual;
  uint8_t* s;  // [rows, O]
};

size_t gemm_predict_scratch(const GemmShape& shape);
Status gemm_predict(const GemmPredict& call, void* scratch, Stream stream);

}  // namespace spl::cuda
