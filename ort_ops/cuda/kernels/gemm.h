// SRMM and SPLPredict on matrices: X [rows, K], weights [O, K], both row by row.
//
// Two families. gemm_rows.cu reads whole weight rows, but only those that are selected.
// gemm_columns.cu reads the weights by inputs, but only those of inputs that are not zero. Sums of
// an output have an order that depends on K and the family alone, so its bits do not depend on
// batch or density.
//
// All pointers are device pointers. Nothing here waits or allocates: work is queued on the stream,
// and the caller gives scratch memory of the size that the function beside it says.
#pragma once

#include "cuda/kernels/host.h"
#include "kernels/micro/clamp.h"

namespace spl::cuda {

struct GemmShape {
  int64_t rows, k, outputs;
};

// --- Weights by inputs ---------------------------------------------------------------------------
enum class Weights { kFloat, kHalf, kInt8 };

inline Weights weights_like(Element element) {
  return element == Element::kFloat ? Weights::kFloat : Weights::kHalf;
}

// [K, outputs up to the next 16 bytes], so that every row is read 16 bytes at a time.
size_t columns_bytes(Weights type, int64_t k, int64_t outputs);

// Makes them from weights [O, K], or [K, O] where `by_inputs`.
Status make_columns(Weights type, const void* w, bool by_inputs, int64_t k, int64_t outputs,
                    void* columns, Stream stream);

// Whether weights [K, O] are such columns as they are.
inline bool are_columns(Weights type, const void* w, int64_t outputs) {
  return is_wide(w) && columns_bytes(type, 1, outputs) ==
                           static_cast<size_t>(outputs) * (type == Weights::kFloat  ? 4
                                                           : type == Weights::kHalf ? 2
                                                                                    : 1);
}

// --- SRMM ----------------------------------------------------------------------------------------
struct GemmSrmm {
  GemmShape shape;
  Element element;       // of x, w, bias, residual and y
  const void* x;         // [rows, K]
  const void* w;         // [O, K]; gemm_srmm_columns reads its argument `columns` instead
  const void* bias;      // [O] or null
  const uint8_t* s;      // [rows, O] or null: all outputs
  const void* residual;  // [rows, O], one element, or null
  bool one_residual;
  Clamp clamp;
  void* y;  // [rows, O]
};

// Reads the weight rows that some row of X selects, or all of them.
size_t gemm_rows_scratch(const GemmShape& shape);
Status gemm_srmm_rows(const GemmSrmm& call, bool all, void* scratch, Stream stream);

// Reads the columns of inputs that are not zero.
size_t gemm_columns_scratch(const GemmShape& shape);
Status gemm_srmm_columns(const GemmSrmm& call, const void* columns, void* scratch, Stream stream);

// --- SPLPredict ----------------------------------------------------------------------------------
struct GemmPredict {
  GemmShape shape;
  Element element;            // of x and residual
  Weights weights;            // kInt8, or as `element`
  const void* x;              // [rows, K]
  const void* columns;        // of make_columns
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
