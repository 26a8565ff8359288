// How gemm cuts the columns of C, panels of a few vectors, and what multiplies its parts in bf16.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"

namespace hotrow {

constexpr int64_t kPanelVectors = 3;

struct Panel {
  int64_t column, vectors;
};

// Panels of three vectors, and one or two of fewer at the end: a last one of a single vector would
// leave the multipliers waiting, so that four vectors are two and two.
class Panels {
 public:
  Panels(int64_t columns, int64_t lanes)
      : lanes_(lanes),
        vectors_((columns + lanes - 1) / lanes),
        wide_(vectors_ % kPanelVectors == 1 && vectors_ > 1 ? vectors_ / kPanelVectors - 1
                                                            : vectors_ / kPanelVectors) {}

  int64_t count() const { return wide_ + (vectors_ - wide_ * kPanelVectors + 1) / 2; }
  Panel at(int64_t i) const {
    if (i < wide_) return {i * kPanelVectors * lanes_, kPanelVectors};
    const int64_t first = wide_ * kPanelVectors + (i - wide_) * 2;
    return {first * lanes_, std::min<int64_t>(2, vectors_ - first)};
  }

 private:
  int64_t lanes_, vectors_, wide_;
};

// Rows [rows.begin, rows.end) of a panel of C, over all of k; rows.begin is a multiple of
// kGemmPanel. On the calling thread.
void gemm_panel_bf16(const Gemm& g, Range rows, Panel p);
// Of a thin product of rows with columns: the columns `many` of a `wide` C, else those rows.
void gemm_dots_bf16(const Gemm& g, Range many, bool wide);

}  // namespace hotrow
