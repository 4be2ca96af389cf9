#include "kernels/shape/input_tile.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/base/ceil_div.h"

namespace spl {

template <class T>
InputTileOf<T>::InputTileOf(const ConvShape& shape, const ChunkPlan& plan,
                            const MicroKernels& micro, Scratch& scratch)
    : shape_(shape),
      plan_(plan),
      micro_(micro),
      scratch_(scratch),
      row_bytes_(int64_t{4} * plan.row()) {}

template <class T>
void InputTileOf<T>::begin(const T* x, const Tile& tile, int64_t group, T padding) {
  zero_ = padding, x_ = x, tile_ = tile, group_ = group;
  const ConvAttributes& at = shape_.at;
  if (plan_.halo || plan_.rows) {
    high_ = (tile.rows - 1) * at.strides[0] + (shape_.kH - 1) * at.dilations[0] + 1;
    wide_ = (tile.columns - 1) * at.strides[1] + (shape_.kW - 1) * at.dilations[1] + 1;
  } else {
    high_ = tile.rows, wide_ = tile.columns;
  }
  pitch_ = plan_.three_rows && wide_ <= kTilePitch ? kTilePitch : wide_;
  // A row of pixels side by side is one place.
  if (plan_.rows) row_bytes_ = (wide_ * shape_.C * 4 + 127) / 64 * 64;
  packed_ = scratch_.input.get<char>(checked_size({high_, plan_.rows ? 1 : pitch_, row_bytes_}));
  const size_t row = plan_.rows ? 0 : static_cast<size_t>(plan_.row());
  row_ = scratch_.rows.get<T>(2 * row);
  zeros_ = row_ + row;
  std::fill(zeros_, zeros_ + row, zero_);
}

// Offsets in bytes; `pixel_bytes` is the distance of pixels in rows.
template <class T>
void InputTileOf<T>::offsets(int64_t pixel_bytes) {
  const size_t slots = static_cast<size_t>(tile_.slots()), taps = static_cast<size_t>(plan_.taps);
  slot_offset_ = scratch_.slots.get<int64_t>(slots + taps);
  tap_offset_ = slot_offset_ + slots;
  const ConvAttributes& at = shape_.at;
  const bool strided = plan_.halo || plan_.rows;
  const int64_t down = (strided ? at.strides[0] : 1) * (plan_.rows ? 1 : pitch_) * row_bytes_;
  const int64_t right = (strided ? at.strides[1] : 1) * (plan_.rows ? pixel_bytes : row_bytes_);
  for (int r = 0, s = 0; r < tile_.rows; r++)
    for (int c = 0; c < tile_.columns; c++, s++) slot_offset_[s] = r * down + c * right;
  const int64_t across = plan_.halo ? shape_.kW : 1;  // taps in a kernel row
  for (int t = 0; t < plan_.taps; t++)
    tap_offset_[t] =
        (t / across * at.dilations[0] * (plan_.rows ? 1 : pitch_) + t % across * at.dilations[1]) *
        row_bytes_;
}

template <class T>
TileView InputTileOf<T>::view() const {
  return {packed_, slot_offset_, tap_offset_, plan_.taps};
}

// fn(place, values, x) for every place; `values` holds plan.depth(chunk) floats, zeros in the
// padding.
template <class T>
template <class F>
void InputTileOf<T>::for_each_place(int chunk, F&& fn) {
  if (plan_.halo)
    halo_places(chunk, fn);
  else
    patch_places(chunk, fn);
}

template <class T>
template <class F>
void InputTileOf<T>::halo_places(int chunk, F&& fn) {
  const int64_t y0 = tile_.cy0 * shape_.at.strides[0] - shape_.at.pads[0];
  const int64_t x0 = tile_.cx0 * shape_.at.strides[1] - shape_.at.pads[1];
  const int64_t channel = group_ * shape_.Cg + static_cast<int64_t>(chunk) * plan_.step;
  for (int64_t y = y0; y < y0 + high_; y++) {
    int64_t place = (y - y0) * pitch_;
    for (int64_t x = x0; x < x0 + wide_; x++, place++) {
      const bool inside = y >= 0 && x >= 0 && y < shape_.H && x < shape_.W;
      const T* from =
          inside ? x_ + ((tile_.n * shape_.H + y) * shape_.W + x) * shape_.C + channel : zeros_;
      fn(place, from, x);
    }
  }
}

template <class T>
template <class F>
void InputTileOf<T>::patch_places(int chunk, F&& fn) {
  const int64_t k0 = static_cast<int64_t>(chunk) * plan_.step, k1 = k0 + plan_.depth(chunk);
  int64_t place = 0;
  for (int r = 0; r < tile_.rows; r++)
    for (int c = 0; c < tile_.columns; c++, place++) {
      const int64_t y = (tile_.cy0 + r) * shape_.at.strides[0] - shape_.at.pads[0];
      const int64_t x = (tile_.cx0 + c) * shape_.at.strides[1] - shape_.at.pads[1];
      fn(place, gather_patch(y, x, k0, k1, row_), x);
    }
}

// Elements [k0, k1) of the patch whose first tap is at (y, x): where they lie, or gathered in
// `row`.
template <class T>
const T* InputTileOf<T>::gather_patch(int64_t y, int64_t x, int64_t k0, int64_t k1, T* row) const {
  const ConvAttributes& at = shape_.at;
  const int64_t Cg = shape_.Cg;
  const T* image = x_ + tile_.n * shape_.H * shape_.W * shape_.C + group_ * Cg;
  if (shape_.taps() == 1 && y >= 0 && x >= 0 && y < shape_.H && x < shape_.W)
    return image + (y * shape_.W + x) * shape_.C + k0;
  // Taps of one kernel row lie side by side when nothing separates their channels.
  const bool joined = at.dilations[1] == 1 && at.group == 1 && x >= 0 && x + shape_.kW <= shape_.W;
  const int64_t span = joined ? shape_.kW * Cg : Cg;
  for (int64_t k = k0; k < k1;) {
    const int64_t tap = k / Cg, within = k % span;
    const int64_t length = std::min(span - within, k1 - k);
    const int64_t iy = y + tap / shape_.kW * at.dilations[0];
    const int64_t ix = joined ? x : x + tap % shape_.kW * at.dilations[1];
    T* out = row + (k - k0);
    const size_t bytes = static_cast<size_t>(length) * sizeof(T);
    if (iy >= 0 && ix >= 0 && iy < shape_.H && ix < shape_.W)
      std::memcpy(out, image + (iy * shape_.W + ix) * shape_.C + within, bytes);
    else
      std::fill(out, out + length, zero_);
    k += length;
  }
  return row;
}

// Rows: convert(values, n, out) writes n converted values; pixels beyond the image become 0.
template <class T>
template <class F>
void InputTileOf<T>::pack_rows(int64_t value_bytes, F&& convert) {
  const int64_t y0 = tile_.cy0 * shape_.at.strides[0] - shape_.at.pads[0];
  const int64_t x0 = tile_.cx0 * shape_.at.strides[1] - shape_.at.pads[1];
  const int64_t first = std::clamp<int64_t>(-x0, 0, wide_);
  const int64_t last = std::clamp<int64_t>(shape_.W - x0, first, wide_);
  for (int64_t r = 0; r < high_; r++) {
    char* out = packed_ + r * row_bytes_;
    const int64_t y = y0 + r, pixel = shape_.C * value_bytes;
    const bool inside = y >= 0 && y < shape_.H;
    const int64_t begin = first, end = inside ? last : first;
    convert(nullptr, begin * shape_.C, out);
    if (begin < end)
      convert(x_ + ((tile_.n * shape_.H + y) * shape_.W + x0 + begin) * shape_.C,
              (end - begin) * shape_.C, out + begin * pixel);
    convert(nullptr, (wide_ - end) * shape_.C, out + end * pixel);
  }
  offsets(shape_.C * value_bytes);
}

template <>
void InputTileOf<float>::pack_floats(int chunk) {
  if (plan_.rows) {
    pack_rows(sizeof(float), [](const float* from, int64_t n, char* out) {
      const size_t bytes = static_cast<size_t>(n) * sizeof(float);
      if (from != nullptr)
        std::memcpy(out, from, bytes);
      else
        std::memset(out, 0, bytes);
    });
    return;
  }
  offsets(0);
  const size_t depth = static_cast<size_t>(plan_.depth(chunk));
  const size_t blocks = static_cast<size_t>(ceil_div(plan_.depth(chunk), kLanes) * kLanes);
  for_each_place(chunk, [&](int64_t place, const float* from, int64_t) {
    float* to = reinterpret_cast<float*>(packed_ + place * row_bytes_);
    std::memcpy(to, from, depth * sizeof(float));
    std::memset(to + depth, 0, (blocks - depth) * sizeof(float));
  });
}

template <class T>
void InputTileOf<T>::pack_units(int chunk, const QuantizationMap& map) {
  const int64_t value_bytes = 4 / micro_.unit_channels;
  const auto convert = [&](const T* from, int64_t n, const Quantization& q, void* out) {
    if constexpr (std::is_same_v<T, float>)
      micro_.quantize(from, n, q.inverse, q.zero, out);
    else
      micro_.widen(from, n, out);
  };
  if (plan_.rows) {
    const Quantization& q = map.of(tile_.n, 0);
    pack_rows(value_bytes, [&](const T* from, int64_t n, char* out) {
      if (from != nullptr)
        convert(from, n, q, out);
      else  // 16-bit values are little endian on every processor this runs on
        for (int64_t i = 0; i < n; i++) {
          out[i * value_bytes] = static_cast<char>(static_cast<int>(q.zero));
          if (value_bytes == 2) out[i * value_bytes + 1] = 0;
        }
    });
    return;
  }
  offsets(0);
  const int depth = plan_.depth(chunk);
  for_each_place(chunk, [&](int64_t place, const T* from, int64_t x) {
    convert(from, depth, map.of(tile_.n, x), packed_ + place * row_bytes_);
  });
}

template class InputTileOf<float>;
template class InputTileOf<uint8_t>;

}  // namespace spl
