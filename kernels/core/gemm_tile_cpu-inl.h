// What the tiles of fp32 and of bf16 products share: the walk over the blocks of a
// panel, where it stands in C, and how sums get there. Compiled once an instruction set: include it
// after hwy/foreach_target.h, in the global namespace.
#include <algorithm>
#include <cstdint>

#include "kernels/core/gemm.h"
#include "kernels/core/gemm_panels.h"
#include "kernels/core/parallel.h"

#if defined(HOTROW_KERNELS_CORE_GEMM_TILE_CPU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOTROW_KERNELS_CORE_GEMM_TILE_CPU_INL_H_
#undef HOTROW_KERNELS_CORE_GEMM_TILE_CPU_INL_H_
#else
#define HOTROW_KERNELS_CORE_GEMM_TILE_CPU_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/core/gemm_pack_cpu-inl.h"
#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {  // one copy a source file: the compiler options of two may differ
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators, one panel's row of B and an element of A fill 16 or 32 registers.
constexpr int kTileRows = HWY_CAP_GE512 ? 8 : 4;

// What the tiles of one panel, in one block of k, have in common.
struct Strip {
  const Gemm& g;
  int64_t depth;   // of the block
  int64_t k;       // where the block begins
  int64_t column;  // where the panel begins
  int64_t tail;    // columns in the last vector

  bool first() const { return k == 0; }
  bool last() const { return k + depth == g.k; }
};

// A gated C is the panels of its transpose: a vector is one of their rows or two neighbours'.
#if HWY_CAP_GE512
// Memory ends with the panel of the last column.
HWY_INLINE bool has_second_panel(const Gemm& g, int64_t column) {
  return column + kGemmPanel < g.n;
}
#endif

HWY_INLINE hn::Vec<Tag> load_panels(const Gemm& g, int64_t row, int64_t column) {
  const Tag d;
  const float* c = g.c + panel_offset(g.m, column, row);
#if HWY_CAP_GE512
  const hn::Half<Tag> half;
  const auto first = hn::LoadU(half, c);
  if (!has_second_panel(g, column)) return hn::ZeroExtendVector(d, first);
  return hn::Combine(d, hn::LoadU(half, c + g.m * kGemmPanel), first);
#else
  return hn::LoadU(d, c);
#endif
}

HWY_INLINE void store_panels(hn::Vec<Tag> v, const Gemm& g, int64_t row, int64_t column) {
  const Tag d;
  float* c = g.c + panel_offset(g.m, column, row);
#if HWY_CAP_GE512
  const hn::Half<Tag> half;
  hn::StoreU(hn::LowerHalf(half, v), half, c);
  if (has_second_panel(g, column)) {
    hn::StoreU(hn::UpperHalf(half, v), half, c + g.m * kGemmPanel);
  }
#else
  hn::StoreU(v, d, c);
#endif
}

// One vector of a row of a tile to C. kTail: only the strip's tail of it belongs to C.
template <bool kTail>
HWY_INLINE void finish(hn::Vec<Tag> sum, const Strip& s, int64_t row, int64_t column) {
  const Tag d;
  const Gemm& g = s.g;
  const auto load = [&](const float* p)
                        HWY_ATTR { return kTail ? load_first(d, p, s.tail) : hn::LoadU(d, p); };
  const int64_t at = row * g.c_stride + column;
  if (g.gate != nullptr) {
    if (!s.first()) sum = hn::Add(load_panels(g, row, column), sum);
    if (s.last()) sum = hn::IfThenElseZero(hn::Gt(load(g.gate + at), hn::Zero(d)), sum);
    return store_panels(sum, g, row, column);
  }
  if (g.accumulate || !s.first()) sum = hn::Add(load(g.c + at), sum);
  if (s.last()) {
    if (g.bias != nullptr) sum = hn::Add(sum, load(g.bias + column));
    if (g.relu) sum = hn::IfThenElse(hn::Lt(sum, hn::Zero(d)), hn::Zero(d), sum);
  }
  if constexpr (kTail) {
    store_first(sum, d, g.c + at, s.tail);
  } else {
    hn::StoreU(sum, d, g.c + at);
  }
}

// A row of a tile to C.
template <int kVectors>
HWY_INLINE void finish_row(const hn::Vec<Tag> (&sum)[kVectors], const Strip& s, int64_t row) {
#pragma GCC unroll 3
  for (int v = 0; v + 1 < kVectors; ++v) finish<false>(sum[v], s, row, s.column + v * kLanes);
  const int64_t last = s.column + (kVectors - 1) * kLanes;
  if (s.tail == kLanes) {
    finish<false>(sum[kVectors - 1], s, row, last);
  } else {
    finish<true>(sum[kVectors - 1], s, row, last);
  }
}

template <class Factors, GemmLayout kLayout>
void tiles_of_panel(const Strip& s, const typename Factors::Packed* b, int64_t vectors,
                    Range rows) {
  switch (vectors) {
    case 1:
      return Factors::template tiles<1, kLayout>(s, b, rows);
    case 2:
      return Factors::template tiles<2, kLayout>(s, b, rows);
    default:
      return Factors::template tiles<3, kLayout>(s, b, rows);
  }
}

// A block of rows of one panel of C, over all of k. Factors: how a block of B is packed, as kSteps
// rows of Packed, and multiplied by rows of A.
template <class Factors>
void multiply_panel(const Gemm& g, Range rows, Panel p) {
  alignas(64) typename Factors::Packed packed[Factors::kSteps * kPanelVectors * kLanes];
  const int64_t columns = std::min(p.vectors * kLanes, g.n - p.column);
  for (int64_t k = 0; k < g.k; k += kGemmDepth) {
    const int64_t depth = std::min(kGemmDepth, g.k - k);
    Factors::pack(packed, g.b, {k, depth, p.column, columns, p.vectors});
    const Strip strip{g, depth, k, p.column, columns - (p.vectors - 1) * kLanes};
    switch (g.a.layout) {
      case GemmLayout::kPanels:
        tiles_of_panel<Factors, GemmLayout::kPanels>(strip, packed, p.vectors, rows);
        break;
      case GemmLayout::kPanelsTransposed:
        tiles_of_panel<Factors, GemmLayout::kPanelsTransposed>(strip, packed, p.vectors, rows);
        break;
      default:
        tiles_of_panel<Factors, GemmLayout::kRows>(strip, packed, p.vectors, rows);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#endif
