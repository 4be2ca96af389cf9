// Matrix products that read weights [K, pitch], only the rows whose input is not zero. A
// warp owns 32 rows in turn: it finds the inputs that count with one ballot and goes through their
// bits, a few loads of up to 512 contiguous bytes under way at a time. Each lane sums columns of
// its own. Sums over parts of K are written side by side and added up in order by epilogue_kernel.
//
// What is skipped contributes exactly nothing, and which warp sums which row is fixed, so the bits
// do not depend on the zeros. Sums of int8 weights are integers and exact in any order.
#include "cuda/kernels/column_sums.h"
#include "cuda/kernels/epilogue.h"
#include "cuda/kernels/gemm.h"
#include "cuda/kernels/quantize.h"

namespace spl::cuda {
namespace {

constexpr int kWarps = 4, kThreads = kWarps * kWarp;
constexpr int kBlockRows = kThreads;  // of the weights, that a block goes through at once
constexpr int64_t kMostParts = 64;    // of K; more would cost more writing than reading
constexpr int kMostX = 16;            // rows of X that share what is read

// --- Products ------------------------------------------------------------------------------------
template <class Input, class Sum>
struct Columns {
  const Input* x;
  const void* columns;
  int64_t rows, k, outputs, pitch_bytes;
  int64_t part_rows;  // of the weights, per part of K
  InputScale scale;   // int8 only
  Sum* partial;       // [parts, rows, O]
};

// The next up to kLoads bits of `left`, lowest first; the places behind them repeat the last.
__device__ __forceinline__ int next_bits(unsigned* left, int (&bits)[kLoads]) {
  int count = 0;
#pragma unroll
  for (int i = 0; i < kLoads; i++) {
    const bool more = *left != 0;
    bits[i] = more ? __ffs(static_cast<int>(*left)) - 1 : i > 0 ? bits[i > 0 ? i - 1 : 0] : 0;
    count += more;
    *left &= *left - (more ? 1u : 0u);
  }
  return count;
}

template <class Sums, int kX, int kColumns>
__global__ __launch_bounds__(kThreads) void column_products_kernel(
    const Columns<typename Sums::Input, typename Sums::Sum> p) {
  using Type = typename Bytes<Sums::kLaneBytes>::Type;
  constexpr int kWords = Sums::kWords, kBlockColumns = kWarp * kColumns;
  __shared__ typename Sums::Sum shared[kWarps][kBlockColumns];
  const int lane = lane_index(), warp = warp_index();
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kBlockColumns + lane * kColumns;
  const int64_t bytes = column / kColumns * Sums::kLaneBytes, first = int64_t{blockIdx.z} * kX;
  const bool reads = bytes + Sums::kLaneBytes <= p.pitch_bytes;
  const char* weights = static_cast<const char*>(p.columns) + bytes;
  const int64_t begin = blockIdx.y * p.part_rows;
  const int64_t end = begin + p.part_rows < p.k ? begin + p.part_rows : p.k;
  Sums sums;
  sums.begin(p, first);
  for (int64_t row = begin + warp * kWarp; row < end; row += kBlockRows) {
    unsigned left = __ballot_sync(kAllLanes, sums.take(p, first, row + lane));
    while (left != 0) {
      int rows[kLoads];
      const int count = next_bits(&left, rows);
      uint32_t words[kLoads][kWords] = {};
#pragma unroll
      for (int i = 0; i < kLoads; i++)
        if (i < count && reads)
          to_words(
              load_once(reinterpret_cast<const Type*>(weights + (row + rows[i]) * p.pitch_bytes)),
              words[i]);
      sums.add(rows, count, words);
    }
  }
  for (int m = 0; m < kX; m++) {
    if (first + m >= p.rows) break;
#pragma unroll
    for (int i = 0; i < kX; i++)  // a constant index keeps the sums in registers
      if (i == m)
#pragma unroll
        for (int c = 0; c < kColumns; c++) shared[warp][lane * kColumns + c] = sums.result(i, c);
    __syncthreads();
    for (int c = static_cast<int>(threadIdx.x); c < kBlockColumns; c += kThreads) {
      const int64_t o = static_cast<int64_t>(blockIdx.x) * kBlockColumns + c;
      if (o >= p.outputs) break;
      typename Sums::Sum sum = shared[0][c];
      for (int from = 1; from < kWarps; from++) sum += shared[from][c];
      p.partial[(blockIdx.y * p.rows + first + m) * p.outputs + o] = sum;
    }
    __syncthreads();
  }
}

// --- From sums of parts to outputs ---------------------------------------------------------------
template <class T>
struct ValueEpilogue {
  const uint8_t* s;
  Addends<T> addends;
  Clamp clamp;
  T* y;
  __device__ void store(int64_t, int64_t o, int64_t at, float sum) const {
    const float value = clamped(clamp, addends.to(sum, o, at));
    y[at] = from_float<T>(selected_value(s == nullptr ? 1 : s[at], value));
  }
};

template <class T>
struct ScoreEpilogue {
  const float* bias;
  const float* weight_scale;
  InputScale scale;
  Addends<T> residual;
  uint8_t* s;
  __device__ void store(int64_t, int64_t o, int64_t at, float sum) const {
    s[at] = sum + bias[o] + residual.residual_at(at) > 0.0f;
  }
  __device__ void store(int64_t row, int64_t o, int64_t at, int sum) const {
    const Quantization q = scale.of_entry(row);
    s[at] = q.score(sum, weight_scale[o], bias[o], residual.residual_at(at)) > 0.0f;
  }
};

constexpr int kEpilogueGroups = 8;  // threads that share the parts of one output

template <class Sum, class Epilogue>
__global__ void epilogue_kernel(const Sum* partial, int64_t parts, int64_t rows, int64_t outputs,
                                const Epilogue epilogue) {
  __shared__ Sum shared[kEpilogueGroups][kWarp];
  const int64_t row = blockIdx.y, o = static_cast<int64_t>(blockIdx.x) * kWarp + lane_index();
  const int64_t each = (parts + kEpilogueGroups - 1) / kEpilogueGroups, begin = warp_index() * each;
  const int64_t end = begin + each < parts ? begin + each : parts;
  Sum sum = 0;
  if (o < outputs)
    for (int64_t part = begin; part < end; part++)
      sum += partial[(part * rows + row) * outputs + o];
  shared[warp_index()][lane_index()] = sum;
  __syncthreads();
  if (warp_index() != 0 || o >= outputs) return;
  for (int group = 1; group < kEpilogueGroups; group++) sum += shared[group][lane_index()];
  epilogue.store(row, o, row * outputs + o, sum);
}

// --- Launches ------------------------------------------------------------------------------------
struct Parts {
  int64_t count, rows;
};
Parts parts_of(int64_t k) {
  const int64_t blocks = ceil_div(k, kBlockRows), each = ceil_div(blocks, kMostParts);
  return {ceil_div(blocks, each), each * kBlockRows};
}

template <class Sums, int kX, int kColumns>
Status multiply(const Columns<typename Sums::Input, typename Sums::Sum>& p, int64_t parts,
                Stream stream) {
  const dim3 grid(static_cast<unsigned>(ceil_div(p.outputs, kWarp * kColumns)),
                  static_cast<unsigned>(parts), static_cast<unsigned>(ceil_div(p.rows, kX)));
  return launch(column_products_kernel<Sums, kX, kColumns>, grid, kThreads, stream, p);
}

// A lane has 16 bytes of a weight row, fewer where sums of many rows of X need the registers.
template <class T>
Status multiply_float(const Columns<T, float>& p, int64_t parts, Stream stream) {
  constexpr int kFull = 16 / static_cast<int>(sizeof(T));
  if (p.rows == 1) return multiply<FloatSums<T, 1, kFull>, 1, kFull>(p, parts, stream);
  if (p.rows <= 4) return multiply<FloatSums<T, 4, kFull>, 4, kFull>(p, parts, stream);
  return multiply<FloatSums<T, kMostX, 4>, kMostX, 4>(p, parts, stream);
}
template <class X>
Status multiply_int8(const Columns<X, int>& p, int64_t parts, Stream stream) {
  if (p.rows == 1) return multiply<Int8Sums<X, 1, 16>, 1, 16>(p, parts, stream);
  if (p.rows <= 4) return multiply<Int8Sums<X, 4, 8>, 4, 8>(p, parts, stream);
  return multiply<Int8Sums<X, kMostX, 4>, kMostX, 4>(p, parts, stream);
}

template <class Sum, class Epilogue>
Status store_sums(const Sum* partial, int64_t parts, int64_t rows, int64_t outputs,
                  const Epilogue& epilogue, Stream stream) {
  const dim3 grid(static_cast<unsigned>(ceil_div(outputs, kWarp)), static_cast<unsigned>(rows));
  return launch(epilogue_kernel<Sum, Epilogue>, grid, kEpilogueGroups * kWarp, stream, partial,
                parts, rows, outputs, epilogue);
}

constexpr int64_t kMostRows = 4096;  // of X in one launch, which bounds the scratch

int64_t weight_bytes(Weights type) {
  return type == Weights::kFloat ? 4 : type == Weights::kHalf ? 2 : 1;
}
int64_t pitch_bytes(Weights type, int64_t outputs) {
  return ceil_div(outputs * weight_bytes(type), 16) * 16;
}

Status check(const GemmShape& shape) {
  if (shape.rows < 0 || shape.k < 1 || shape.outputs < 1) return kBadSizes;
  return shape.outputs > INT32_MAX ? kTooLarge : 0;
}

// Calls part(first, rows) for parts of the rows of X that one launch takes.
template <class Part>
Status for_parts(int64_t rows, Part part) {
  for (int64_t first = 0; first < rows; first += kMostRows) {
    const Status status = part(first, rows - first < kMostRows ? rows - first : kMostRows);
    if (status != 0) return status;
  }
  return 0;
}

template <class T>
const T* from_row(const void* start, int64_t elements) {
  return start == nullptr ? nullptr : static_cast<const T*>(start) + elements;
}

template <class T>
Status srmm_columns(const GemmSrmm& call, const void* columns, float* partial, Stream stream) {
  const GemmShape& shape = call.shape;
  const Weights type = sizeof(T) == 4 ? Weights::kFloat : Weights::kHalf;
  const Parts parts = parts_of(shape.k);
  return for_parts(shape.rows, [&](int64_t first, int64_t rows) {
    const int64_t at = first * shape.outputs;
    const Columns<T, float> p{
        from_row<T>(call.x, first * shape.k), columns,    rows, shape.k, shape.outputs,
        pitch_bytes(type, shape.outputs),     parts.rows, {},   partial};
    const ValueEpilogue<T> epilogue{
        from_row<uint8_t>(call.s, at),
        {static_cast<const T*>(call.bias), from_row<T>(call.residual, call.one_residual ? 0 : at),
         call.one_residual},
        call.clamp,
        static_cast<T*>(call.y) + at};
    return first_failure(multiply_float<T>(p, parts.count, stream), [&] {
      return store_sums(partial, parts.count, rows, shape.outputs, epilogue, stream);
    });
  });
}

template <class Sum, class X, class Multiply>
Status predict(const GemmPredict& call, InputScale scale, Sum* partial, Stream stream,
               Multiply multiply_all) {
  const GemmShape& shape = call.shape;
  const Parts parts = parts_of(shape.k);
  return for_parts(shape.rows, [&](int64_t first, int64_t rows) {
    const int64_t at = first * shape.outputs;
    InputScale own = scale;
    if (own.ranges != nullptr) own.ranges += first * own.parts * 2;
    const Columns<X, Sum> p{
        from_row<X>(call.x, first * shape.k),     call.columns, rows, shape.k, shape.outputs,
        pitch_bytes(call.weights, shape.outputs), parts.rows,   own,  partial};
    const ScoreEpilogue<X> epilogue{
        call.bias,
        call.weight_scale,
        own,
        {nullptr, from_row<X>(call.residual, call.one_residual ? 0 : at), call.one_residual},
        call.s + at};
    return first_failure(multiply_all(p, parts.count), [&] {
      return store_sums(partial, parts.count, rows, shape.outputs, epilogue, stream);
    });
  });
}

template <class X>
Status predict(const GemmPredict& call, void* scratch, Stream stream) {
  const GemmShape& shape = call.shape;
  auto* ranges = static_cast<float*>(scratch);
  void* partial = static_cast<char*>(scratch) + range_bytes(shape.rows, shape.k);
  if (call.weights != Weights::kInt8)
    return predict<float, X>(call, {}, static_cast<float*>(partial), stream,
                             [&](const Columns<X, float>& p, int64_t parts) {
                               return multiply_float(p, parts, stream);
                             });
  InputScale scale{call.scale, call.zero, nullptr, 0};
  Status status = 0;
  if (!(call.scale > 0.0f)) {
    scale.ranges = ranges, scale.parts = range_parts(shape.k);
    status = find_ranges(static_cast<const X*>(call.x), shape.rows, shape.k, ranges, stream);
  }
  return first_failure(status, [&] {
    return predict<int, X>(
        call, scale, static_cast<int*>(partial), stream,
        [&](const Columns<X, int>& p, int64_t parts) { return multiply_int8(p, parts, stream); });
  });
}

}  // namespace

size_t gemm_columns_scratch(const GemmShape& shape) {
  const int64_t rows = shape.rows < kMostRows ? shape.rows : kMostRows;
  return static_cast<size_t>(parts_of(shape.k).count * rows * shape.outputs) * sizeof(float);
}

Status gemm_srmm_columns(const GemmSrmm& call, const void* columns, void* scratch, Stream stream) {
  if (const Status status = check(call.shape)) return status;
  auto* partial = static_cast<float*>(scratch);
  return call.element == Element::kFloat ? srmm_columns<float>(call, columns, partial, stream)
                                         : srmm_columns<Half>(call, columns, partial, stream);
}

size_t gemm_predict_scratch(const GemmShape& shape) {
  return range_bytes(shape.rows, shape.k) + gemm_columns_scratch(shape);
}

Status gemm_predict(const GemmPredict& call, void* scratch, Stream stream) {
  if (const Status status = check(call.shape)) return status;
  const Weights own = call.element == Element::kFloat ? Weights::kFloat : Weights::kHalf;
  if (call.weights != Weights::kInt8 && call.weights != own) return kBadSizes;
  if (call.weights == Weights::kInt8 && call.shape.k > 65536) return kTooLarge;
  return call.element == Element::kFloat ? predict<float>(call, scratch, stream)
                                         : predict<Half>(call, scratch, stream);
}

size_t columns_bytes(Weights type, int64_t k, int64_t outputs) {
  return static_cast<size_t>(k * pitch_bytes(type, outputs));
}

}  // namespace spl::cuda
