#include "kernels/srmm/epilogue.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace spl {

namespace {

constexpr int kMostLanes = 128;  // of a block of outputs that become bytes

// The same to bytes: values of one output after the other, through a small buffer.
void epilogue_to_bytes(const EpilogueTarget& t, const Tile& tile, const TileSums& sums, int64_t o,
                       int64_t count) {
  float values[kMostLanes];
  const auto put = [&](int64_t at) {
    t.micro.quantize_bytes(values, count, t.y.code, t.y.bytes + at);
  };
  if (!t.shape.pooled() && t.residual.by_rows()) {
    visit_rows(t.shape, tile, t.residual, sums, o, count, [&](const Run& run, int64_t at) {
      Run one = run;
      one.count = 1;
      for (int i = 0; i < run.count; i++, at += run.stride) {
        one.sums = static_cast<const float*>(run.sums) + i * run.sum_stride;
        one.residual = run.residual == nullptr ? nullptr : run.residual + i * run.stride;
        if (t.s != nullptr)
          t.micro.epilogue_code_run(one, t.clamp, t.s + at, values);
        else
          t.micro.epilogue_run(one, t.clamp, values);
        put(at);
      }
    });
    return;
  }
  WindowVisitor windows(t.shape, tile, t.residual);
  windows.visit(sums, o, count, [&](const WindowView& window, int64_t at, int64_t) {
    if (t.s != nullptr)
      t.micro.epilogue_code(window, t.clamp, t.s + at, values);
    else
      t.micro.epilogue_max(window, t.clamp, values);
    put(at);
  });
}

}  // namespace

bool clipped_by_bytes(const Target& y, const Clamp& clamp) {
  // What is above the bound has no lower code than the bound itself.
  return y.bytes != nullptr && y.code.zero == 0 && clamp.low <= 0 && clamp.floor == 0 &&
         std::nearbyint(clamp.high * y.code.inverse) >= 255.0f;
}

void epilogue_of_bytes(const EpilogueTarget& t, const Tile& tile, const TileBytes& bytes, int64_t o,
                       int64_t count) {
  const ConvShape& shape = t.shape;
  const auto at = [&](int64_t y, int64_t x) {
    return bytes.base + ((y - tile.cy0) * bytes.row_slots + x - tile.cx0) * bytes.width;
  };
  if (!shape.pooled()) {
    for (int64_t y = 0; y < tile.rows; y++)
      for (int64_t x = 0; x < tile.columns; x++) {
        const int64_t pixel = (tile.n * shape.oH + tile.cy0 + y) * shape.oW + tile.cx0 + x;
        std::memcpy(t.y.bytes + pixel * shape.O + o, at(tile.cy0 + y, tile.cx0 + x),
                    static_cast<size_t>(count));
      }
    return;
  }
  const int64_t* strides = shape.at.pool_strides;
  for (int64_t py = tile.py0; py < tile.py1; py++)
    for (int64_t px = tile.px0; px < tile.px1; px++) {
      const int64_t y0 = py * strides[0] - shape.at.pool_pads[0];
      const int64_t x0 = px * strides[1] - shape.at.pool_pads[1];
      const int64_t y1 = std::min(y0 + shape.at.pool_kernel[0], shape.oH);
      const int64_t x1 = std::min(x0 + shape.at.pool_kernel[1], shape.oW);
      const uint8_t* places[kMaxWindow];
      int inside = 0;
      for (int64_t y = std::max<int64_t>(y0, 0); y < y1; y++)
        for (int64_t x = std::max<int64_t>(x0, 0); x < x1; x++) places[inside++] = at(y, x);
      const int64_t to = ((tile.n * shape.pH + py) * shape.pW + px) * shape.O + o;
      t.micro.max_bytes(places, inside, count, t.y.bytes + to);
    }
}

void epilogue(const EpilogueTarget& t, const Tile& tile, const TileSums& sums, int64_t o,
              int64_t count) {
  if (t.y.bytes != nullptr) {
    epilogue_to_bytes(t, tile, sums, o, count);
    return;
  }
  if (!t.shape.pooled() && t.residual.by_rows()) {
    visit_rows(t.shape, tile, t.residual, sums, o, count, [&](const Run& run, int64_t at) {
      if (t.s != nullptr)
        t.micro.epilogue_code_run(run, t.clamp, t.s + at, t.y.floats + at);
      else
        t.micro.epilogue_run(run, t.clamp, t.y.floats + at);
    });
    return;
  }
  WindowVisitor windows(t.shape, tile, t.residual);
  windows.visit(sums, o, count, [&](const WindowView& window, int64_t at, int64_t) {
    if (t.s != nullptr)
      t.micro.epilogue_code(window, t.clamp, t.s + at, t.y.floats + at);
    else
      t.micro.epilogue_max(window, t.clamp, t.y.floats + at);
  });
}

}  // namespace spl
