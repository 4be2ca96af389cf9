#include "kernels/weights/packed_weights.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/ceil_div.h"

namespace spl {

PackedRows::PackedRows(const ConvShape& shape, const ChunkPlan& plan, const WeightMatrix& w)
    : plan_(plan), outputs_(shape.Og()) {
  chunk_at_.push_back(0);
  for (int q = 0; q < plan.chunks; q++)
    chunk_at_.push_back(chunk_at_.back() + outputs_ * plan.taps * per_tap(q) * kLanes);
  const size_t total = checked_size({chunk_at_.back(), shape.at.group});
  float* to = data_.get<float>(total);
  base_ = to;
  std::memset(to, 0, total * sizeof(float));
  for (int64_t o = 0; o < shape.O; o++)
    for (int q = 0; q < plan.chunks; q++)
      for (const Part& part : parts(q))
        for (int v = 0; v < part.count; v++) {
          const int tap = (part.first + v) / per_tap(q), c = (part.first + v) % per_tap(q) * kLanes;
          const int lanes = std::min(kLanes, plan.depth(q) - c);
          float* out = const_cast<float*>(row(o / outputs_, q, part, o % outputs_)) + v * kLanes;
          std::memcpy(out, w.at(o, plan.source(q, tap, c, shape.Cg)),
                      static_cast<size_t>(lanes) * sizeof(float));
        }
}

std::vector<PackedRows::Part> PackedRows::parts(int chunk) const {
  const int total = plan_.taps * per_tap(chunk);
  const int count = static_cast<int>(ceil_div(total, kMaxDotBlocks));
  std::vector<Part> all;
  for (int i = 0; i < count; i++) {
    const int first = total * i / count;
    all.push_back({first, total * (i + 1) / count - first});
  }
  return all;
}

const float* PackedRows::row(int64_t group, int chunk, const Part& part, int64_t output) const {
  return base_ + group * chunk_at_.back() + chunk_at_[chunk] +
         (part.first * outputs_ + output * part.count) * kLanes;
}

void PackedColumns::layout(const ConvShape& shape, int unit) {
  const int64_t lane_blocks = ceil_div(shape.Og(), kLanes);
  for (int64_t left = lane_blocks; left > 0; left -= most_)
    lanes_.push_back(static_cast<int>(std::min<int64_t>(left, most_)));
  chunk_at_.push_back(0);
  for (int q = 0; q < plan_.chunks; q++)
    chunk_at_.push_back(chunk_at_.back() + plan_.taps * ceil_div(plan_.depth(q), unit));
  group_bytes_ = static_cast<int64_t>(checked_size({chunk_at_.back(), lane_blocks, kLanes * 4}));
  const size_t total = checked_size({group_bytes_, shape.at.group});
  base_ = data_.get<char>(total);
  std::memset(base_, 0, total);
}

char* PackedColumns::at(int64_t group, int block, int chunk) const {
  return base_ + group * group_bytes_ +
         (chunk_at_.back() * block * most_ + chunk_at_[chunk] * lanes_[block]) * kLanes * 4;
}

template <class T>
SumRows<T> PackedColumns::sum_rows(const Part& part, const T* start, T* sums) const {
  const int64_t width = static_cast<int64_t>(lanes_[part.block]) * kLanes;
  if (part.chunk == 0) return {start, 0, sums, width};
  return {sums, width, sums, width};
}

Prefetch PackedColumns::next_of(const Part& part, bool fetch) const {
  if (!fetch) return {nullptr, 0};
  const int lines = plan_.taps * plan_.depth(part.chunk) * lanes_[part.block];
  return {at(part.group, part.block, part.chunk) + lines * int64_t{64}, lines};
}

void PackedColumns::add_floats(const MicroKernels& micro, const TileView& view, const Part& part,
                               const float* bias, int slots, float* sums, bool fetch) const {
  micro.dense_slots(view, plan_.depth(part.chunk),
                    reinterpret_cast<const float*>(at(part.group, part.block, part.chunk)),
                    lanes_[part.block], slots,
                    sum_rows(part, bias + first_output(part.block), sums), next_of(part, fetch));
}

void PackedColumns::values(const MicroKernels& micro, const TileView& view, const Part& part,
                           int slots, const ValueRows& rows, bool fetch) const {
  micro.dense_values(view, plan_.depth(part.chunk),
                     reinterpret_cast<const float*>(at(part.group, part.block, part.chunk)),
                     lanes_[part.block], slots, rows, next_of(part, fetch));
}

void PackedColumns::add_units(const MicroKernels& micro, const TileView& view, const Part& part,
                              int slots, int32_t* sums) const {
  static const int32_t zeros[kMostBlocks * kLanes] = {};
  const int units = static_cast<int>(ceil_div(plan_.depth(part.chunk), micro.unit_channels));
  micro.dense_units(view, units, at(part.group, part.block, part.chunk), lanes_[part.block], slots,
                    sum_rows(part, zeros, sums));
}

void PackedColumns::unit_values(const MicroKernels& micro, const TileView& view, const Part& part,
                                int slots, UnitValueRows rows, bool fetch) const {
  static const int32_t zeros[kMostBlocks * kLanes] = {};
  if (rows.begin == nullptr) rows.begin = zeros, rows.begin_stride = 0;
  const int units = (plan_.depth(part.chunk) + micro.unit_channels - 1) / micro.unit_channels;
  micro.dense_units_values(view, units, at(part.group, part.block, part.chunk), lanes_[part.block],
                           slots, rows, next_of(part, fetch));
}

PackedColumns::PackedColumns(const ConvShape& shape, const ChunkPlan& plan, const WeightMatrix& w,
                             int most)
    : plan_(plan), outputs_(shape.Og()), most_(most) {
  layout(shape, 1);
  for (int64_t g = 0; g < shape.at.group; g++)
    for (int b = 0; b < blocks(); b++)
      for (int q = 0; q < plan.chunks; q++) {
        const int64_t width = lanes_[b] * kLanes, first = first_output(b);
        const int64_t real = std::min(width, outputs_ - first);
        float* to = reinterpret_cast<float*>(at(g, b, q));
        for (int t = 0; t < plan.taps; t++)
          for (int c = 0; c < plan.depth(q); c++, to += width) {
            const int64_t output = g * outputs_ + first, k = plan.source(q, t, c, shape.Cg);
            for (int64_t o = 0; o < real; o++) to[o] = w.value(output + o, k);
          }
      }
}

PackedColumns::PackedColumns(const ConvShape& shape, const ChunkPlan& plan, const int8_t* w,
                             int most, const MicroKernels& micro)
    : plan_(plan), outputs_(shape.Og()), most_(most) {
  layout(shape, micro.unit_channels);
  for (int64_t g = 0; g < shape.at.group; g++)
    for (int b = 0; b < blocks(); b++) {
      const int64_t width = lanes_[b] * kLanes, first = first_output(b), stride = width * 4;
      const int real = static_cast<int>(std::min(width, outputs_ - first));
      const int8_t* from = w + (g * outputs_ + first) * shape.K();
      for (int q = 0; q < plan.chunks; q++) {
        char* to = at(g, b, q);
        const int64_t units = ceil_div(plan.depth(q), micro.unit_channels);
        for (int t = 0; t < plan.taps; t++, to += units * stride)
          micro.pack_units(from + plan.source(q, t, 0, shape.Cg), shape.K(), real, plan.depth(q),
                           to, stride);
      }
    }
}

}  // namespace spl
