#include "kernels/srmm/finish_tile.h"

#include <algorithm>

namespace spl {

void finish_tile(const FinishTarget& t, const Tile& tile, const TileSums& sums, int64_t o,
                 int64_t count) {
  if (!t.shape.pooled() && t.residual.by_rows()) {
    visit_rows(t.shape, tile, t.residual, sums, o, count, [&](const Run& run, int64_t at) {
      if (t.s != nullptr)
        t.micro.finish_code_run(run, t.clamp, t.s + at, t.y + at);
      else
        t.micro.finish_run(run, t.clamp, t.y + at);
    });
    return;
  }
  WindowVisitor windows(t.shape, tile, t.residual);
  windows.visit(sums, o, count, [&](const WindowView& window, int64_t at, int64_t) {
    if (t.s != nullptr)
      t.micro.finish_code(window, t.clamp, t.s + at, t.y + at);
    else
      t.micro.finish_max(window, t.clamp, t.y + at);
  });
}

}  // namespace spl
