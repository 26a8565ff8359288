#include <algorithm>
#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"
#include "kernels/core/gemm_targets.h"  // before foreach_target.h
#include "kernels/core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/core/gemm_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/core/gemm_dots_cpu-inl.h"
#include "kernels/core/gemm_pack_cpu-inl.h"
#include "kernels/core/gemm_tile_cpu-inl.h"
#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

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
HWY_INLINE void tile(const Strip& s, const float* b, int64_t row) {
  const Tag d;
  hn::Vec<Tag> sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  const TileOfA<kLayout> a(s.g, row, s.k);
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
  for (int r = 0; r < kRows; ++r) finish_row<kVectors>(sum[r], s, row + r);
}

struct FloatFactors {
  using Packed = float;
  static constexpr int64_t kSteps = kGemmDepth, kStep = kLanes;

  static void pack(float* packed, const GemmOperand& b, const Block& block) {
    HWY_NAMESPACE::pack(packed, b, block);
  }
  template <int kVectors, GemmLayout kLayout>
  static void tiles(const Strip& s, const float* b, Range rows) {
    int64_t row = rows.begin;
    for (; row + kTileRows <= rows.end; row += kTileRows) {
      tile<kTileRows, kVectors, kLayout>(s, b, row);
    }
    if (row + 4 <= rows.end) tile<4, kVectors, kLayout>(s, b, row), row += 4;
    for (; row < rows.end; ++row) tile<1, kVectors, kLayout>(s, b, row);
  }
  static HWY_INLINE hn::Vec<Tag> load(const float* p, int64_t n) {
    return n == kStep ? hn::LoadU(Tag(), p) : load_first(Tag(), p, n);
  }
  static HWY_INLINE hn::Vec<Tag> add(hn::Vec<Tag> sum, hn::Vec<Tag> x, hn::Vec<Tag> y) {
    return hn::MulAdd(x, y, sum);
  }
};

void panel(const Gemm& g, Range rows, Panel p) { multiply_panel<FloatFactors>(g, rows, p); }

void thin(const Gemm& g, Range many, bool wide) { dots<FloatFactors>(g, many, wide); }

int64_t vector_lanes() { return kLanes; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(panel);
HWY_EXPORT(thin);
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

// The few rows or columns with the many, which are cut into tasks.
void run_thin(const Gemm& g) {
  const bool wide = g.m < g.n;
  constexpr int64_t kGrain = 32;
  const int64_t count = wide ? g.n : g.m;
  parallel_for(ceil_div(count, kGrain), [&](int64_t task) {
    const Range many{task * kGrain, std::min(count, (task + 1) * kGrain)};
    if (g.precision == Precision::kBfloat16) {
      gemm_dots_bf16(g, many, wide);
    } else {
      HWY_DYNAMIC_DISPATCH(thin)(g, many, wide);
    }
  });
}

}  // namespace

void gemm(const Gemm& g) {
  require(g.m > 0 && g.n > 0 && g.k > 0,
          "[gemm] empty product: got m={} n={} k={}, expected at least 1 each", g.m, g.n, g.k);
  const bool gated = g.gate != nullptr;
  require(!gated || !(g.accumulate || g.relu || g.bias != nullptr),
          "[gemm] got a gate with more to do for C, expected it without accumulate, ReLU and bias");
  const bool rows_by_rows = g.a.layout == GemmLayout::kRows && g.b.layout == GemmLayout::kColumns;
  if (rows_by_rows && !gated && std::min(g.m, g.n) <= kGemmThin) return run_thin(g);
  const int64_t lanes = HWY_DYNAMIC_DISPATCH(vector_lanes)();
  const Panels panels(g.n, lanes);
  const Tasks tasks(g.m, panels.count());
  parallel_for(tasks.count(), [&](int64_t task) {
    const Panel p = panels.at(tasks.panel(task));
    if (g.precision == Precision::kBfloat16) {
      gemm_panel_bf16(g, tasks.rows(task), p);
    } else {
      HWY_DYNAMIC_DISPATCH(panel)(g, tasks.rows(task), p);
    }
  });
}

}  // namespace hotrow
#endif  // HWY_ONCE
