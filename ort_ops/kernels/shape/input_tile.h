// Copies the input under one tile into the layout that the micro kernels read: dense, aligned,
// without NHWC's power-of-two pixel stride (which would map all pixels to a few cache sets), with
// zeros where the image is padded.
#pragma once

#include <cstdint>

#include "kernels/base/scratch.h"
#include "kernels/micro/micro.h"
#include "kernels/shape/chunks.h"
#include "kernels/shape/geometry.h"
#include "kernels/shape/quantization.h"
#include "kernels/shape/tiles.h"

namespace spl {

// T: float, or uint8_t, bytes that stand for numbers.
template <class T>
class InputTileOf {
 public:
  InputTileOf(const ConvShape& shape, const ChunkPlan& plan, const MicroKernels& micro,
              Scratch& scratch);

  // Chooses the tile and group for the calls below.
  void begin(const T* x, const Tile& tile, int64_t group, T padding = 0);

  TileView view() const;  // of the chunk packed last

  void pack_floats(int chunk);
  // Floats become bytes by `map`; bytes have them already, and padding is their zero point.
  void pack_units(int chunk, const QuantizationMap& map);

 private:
  template <class F>
  void for_each_place(int chunk, F&& fn);
  template <class F>
  void halo_places(int chunk, F&& fn);
  template <class F>
  void patch_places(int chunk, F&& fn);
  const T* gather_patch(int64_t y, int64_t x, int64_t k0, int64_t k1, T* row) const;
  template <class F>
  void pack_rows(int64_t value_bytes, F&& convert);
  void offsets(int64_t pixel_bytes);

  const ConvShape& shape_;
  const ChunkPlan& plan_;
  const MicroKernels& micro_;
  Scratch& scratch_;
  const T* x_ = nullptr;
  Tile tile_{};
  int64_t group_ = 0;
  int64_t high_ = 0, wide_ = 0;  // places
  int64_t pitch_ = 0;            // places between rows
  int64_t row_bytes_;
  char* packed_ = nullptr;
  T *row_ = nullptr, *zeros_ = nullptr;
  T zero_ = 0;  // what padding holds
  int64_t *slot_offset_ = nullptr, *tap_offset_ = nullptr;
};

using InputTile = InputTileOf<float>;

}  // namespace spl
