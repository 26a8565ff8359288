#include <algorithm>
#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"

// Register tiles are arrays of vectors, which vectors without a fixed size cannot form. Those
// between the oldest and AVX2 would add compile time for machines that nobody trains on.
#define HWY_DISABLED_TARGETS \
  (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/core/gemm_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/core/gemm_pack_cpu-inl.h"
#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators, one panel's row of B and an element of A fill 16 or 32 registers.
constexpr int kTileRows = HWY_CAP_GE512 ? 8 : 4;

// What the tiles of one panel, in one block of k, have in common.
struct Strip {
  const Gemm& g;
  const float* packed;  // the panel's block of B
  int64_t depth;        // of the block
  int64_t k;            // where the block begins
  int64_t column;       // where the panel begins
  int64_t tail;         // columns in the last vector

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

// Where the elements of A that a tile reads lie, from its first row and the block's first k on. The
// steps that are known when this is compiled become parts of the addresses.
template <GemmLayout kLayout>
struct TileOfA {
  static constexpr int64_t kChunk = kGemmPanel;  // of k, between which the address may jump
  const float* first;
  int64_t row_step, chunk_step;

  TileOfA(const Gemm& g, int64_t row, int64_t k) {
    if constexpr (kLayout == GemmLayout::kRows) {
      first = g.a.data + row * g.a.stride + k;
      row_step = g.a.stride, chunk_step = kChunk;
    } else if constexpr (kLayout == GemmLayout::kPanels) {
      first = g.a.data + panel_offset(g.k, row, k);
      row_step = 1, chunk_step = kChunk * kGemmPanel;
    } else {
      first = g.a.data + panel_offset(g.m, k, row);
      row_step = kGemmPanel, chunk_step = g.m * kGemmPanel;
    }
  }
  HWY_INLINE float at(const float* chunk, int row, int64_t k) const {
    if constexpr (kLayout == GemmLayout::kRows) return chunk[row * row_step + k];
    if constexpr (kLayout == GemmLayout::kPanels) return chunk[row + k * kGemmPanel];
    return chunk[row * kGemmPanel + k];
  }
};

// Rows [row, row + kRows) of the strip's columns.
template <int kRows, int kVectors, GemmLayout kLayout>
HWY_INLINE void tile(const Strip& s, int64_t row) {
  const Tag d;
  hn::Vec<Tag> sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  const TileOfA<kLayout> a(s.g, row, s.k);
  const float* b = s.packed;
  const auto add = [&](const float* chunk, int64_t k) HWY_ATTR {
    hn::Vec<Tag> bk[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) bk[v] = hn::Load(d, b + v * kLanes);
    b += kVectors * kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const auto ak = hn::Set(d, a.at(chunk, r, k));
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(ak, bk[v], sum[r][v]);
    }
  };
  const float* chunk = a.first;
  int64_t k = 0;
  for (; k + a.kChunk <= s.depth; k += a.kChunk, chunk += a.chunk_step) {
#pragma GCC unroll 8
    for (int64_t i = 0; i < a.kChunk; ++i) add(chunk, i);
  }
  for (int64_t i = 0; k + i < s.depth; ++i) add(chunk, i);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v + 1 < kVectors; ++v) {
      finish<false>(sum[r][v], s, row + r, s.column + v * kLanes);
    }
    const int64_t last = s.column + (kVectors - 1) * kLanes;
    if (s.tail == kLanes) {
      finish<false>(sum[r][kVectors - 1], s, row + r, last);
    } else {
      finish<true>(sum[r][kVectors - 1], s, row + r, last);
    }
  }
}

template <int kVectors, GemmLayout kLayout>
void tiles(const Strip& s, Range rows) {
  int64_t row = rows.begin;
  for (; row + kTileRows <= rows.end; row += kTileRows) tile<kTileRows, kVectors, kLayout>(s, row);
  if (row + 4 <= rows.end) tile<4, kVectors, kLayout>(s, row), row += 4;
  for (; row < rows.end; ++row) tile<1, kVectors, kLayout>(s, row);
}

template <GemmLayout kLayout>
void tiles_of_panel(const Strip& s, int64_t vectors, Range rows) {
  switch (vectors) {
    case 1:
      return tiles<1, kLayout>(s, rows);
    case 2:
      return tiles<2, kLayout>(s, rows);
    default:
      return tiles<3, kLayout>(s, rows);
  }
}

// A block of rows of one panel of C, over all of k.
void panel(const Gemm& g, Range rows, Panel p) {
  alignas(64) float packed[kGemmDepth * kPanelVectors * kLanes];
  const int64_t columns = std::min(p.vectors * kLanes, g.n - p.column);
  for (int64_t k = 0; k < g.k; k += kGemmDepth) {
    const int64_t depth = std::min(kGemmDepth, g.k - k);
    pack(packed, g.b, {k, depth, p.column, columns, p.vectors});
    const Strip strip{g, packed, depth, k, p.column, columns - (p.vectors - 1) * kLanes};
    switch (g.a.layout) {
      case GemmLayout::kPanels:
        tiles_of_panel<GemmLayout::kPanels>(strip, p.vectors, rows);
        break;
      case GemmLayout::kPanelsTransposed:
        tiles_of_panel<GemmLayout::kPanelsTransposed>(strip, p.vectors, rows);
        break;
      default:
        tiles_of_panel<GemmLayout::kRows>(strip, p.vectors, rows);
    }
  }
}

// sums[i] = dot(x, y_i) over n elements, for four rows y_i.
HWY_INLINE void four_dots(float (&sums)[4], const float* x, const float* const (&y)[4], int64_t n) {
  const Tag d;
  hn::Vec<Tag> sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  const auto add = [&](auto load) HWY_ATTR {
    const auto xk = load(x);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sum[i] = hn::MulAdd(xk, load(y[i]), sum[i]);
  };
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) {
    add([&](const float* p) HWY_ATTR { return hn::LoadU(d, p + k); });
  }
  if (k < n) add([&](const float* p) HWY_ATTR { return load_first(d, p + k, n - k); });
  for (int i = 0; i < 4; ++i) sums[i] = hn::GetLane(hn::SumOfLanes(d, sum[i]));
}

// The elements (few, many) or (many, few) of C as dot products of rows. `wide`: B has the many.
void dots(const Gemm& g, Range many, bool wide) {
  const GemmOperand &y = wide ? g.b : g.a, &x = wide ? g.a : g.b;
  float sums[4];
  for (int64_t j = 0; j < (wide ? g.m : g.n); ++j) {
    for (int64_t first = many.begin; first < many.end; first += 4) {
      const float* rows[4];
      for (int64_t i = 0; i < 4; ++i) {
        rows[i] = y.data + std::min(first + i, many.end - 1) * y.stride;
      }
      four_dots(sums, x.data + j * x.stride, rows, g.k);
      for (int64_t i = 0; i < std::min<int64_t>(4, many.end - first); ++i) {
        const int64_t column = wide ? first + i : j;
        float& c = g.c[(wide ? j : first + i) * g.c_stride + column];
        float sum = g.accumulate ? c + sums[i] : sums[i];
        if (g.bias != nullptr) sum += g.bias[column];
        c = g.relu && sum < 0 ? 0 : sum;
      }
    }
  }
}

int64_t vector_lanes() { return kLanes; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(panel);
HWY_EXPORT(dots);
HWY_EXPORT(vector_lanes);

// The tasks of a product: panels of C, in blocks of rows. No bit depends on the cut. Each block
// packs its panel again, which a hundred rows make up for; the panels that the threads cannot share
// evenly come last and are cut finer.
class Tasks {
 public:
  Tasks(int64_t m, int64_t panels) : rows_(m), row_panels_(ceil_div(m, kGemmPanel)) {
    const int64_t threads = num_threads();
    const int64_t wanted = ceil_div(16 * threads, panels);
    if (threads > 1) {
      whole_ = (panels - 1) / threads * threads;
      blocks_ = std::clamp<int64_t>(m / 128, 1, wanted);
      last_blocks_ = std::clamp<int64_t>(m / 32, 1, ceil_div(wanted, threads) * threads);
    }
    count_ = whole_ * blocks_ + (panels - whole_) * last_blocks_;
  }

  int64_t count() const { return count_; }
  int64_t panel(int64_t task) const {
    const int64_t last = task - whole_ * blocks_;
    return last < 0 ? task / blocks_ : whole_ + last / last_blocks_;
  }
  Range rows(int64_t task) const {
    const int64_t last = task - whole_ * blocks_;
    const Range panels = last < 0 ? part(row_panels_, blocks_, task % blocks_)
                                  : part(row_panels_, last_blocks_, last % last_blocks_);
    return {panels.begin * kGemmPanel, std::min(rows_, panels.end * kGemmPanel)};
  }

 private:
  int64_t rows_, row_panels_, count_;
  int64_t whole_ = 0, blocks_ = 1, last_blocks_ = 1;
};

void run_dots(const Gemm& g) {
  const bool wide = g.m < g.n;
  constexpr int64_t kGrain = 32;
  const int64_t many = wide ? g.n : g.m;
  parallel_for(ceil_div(many, kGrain), [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(dots)
    (g, {task * kGrain, std::min(many, (task + 1) * kGrain)}, wide);
  });
}

}  // namespace

void gemm(const Gemm& g) {
  require(g.m > 0 && g.n > 0 && g.k > 0,
          "[gemm] empty product: got m={} n={} k={}, expected at least 1 each", g.m, g.n, g.k);
  const bool rows_by_rows = g.a.layout == GemmLayout::kRows && g.b.layout == GemmLayout::kColumns;
  if (rows_by_rows && std::min(g.m, g.n) <= kGemmThin) return run_dots(g);
  const int64_t lanes = HWY_DYNAMIC_DISPATCH(vector_lanes)();
  const Panels panels(g.n, lanes);
  const Tasks tasks(g.m, panels.count());
  parallel_for(tasks.count(), [&](int64_t task) {
    HWY_DYNAMIC_DISPATCH(panel)(g, tasks.rows(task), panels.at(tasks.panel(task)));
  });
}

}  // namespace hotrow
#endif  // HWY_ONCE
