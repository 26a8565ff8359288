// gemm with factors rounded to bf16, two neighbours in k a pair. B is packed as pairs once a panel,
// A a panel of rows at a time, which stays in the first cache.
#include <algorithm>
#include <cstdint>

#include "kernels/core/gemm.h"
#include "kernels/core/gemm_panels.h"
#include "kernels/core/gemm_targets.h"  // before foreach_target.h
#include "kernels/core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/core/gemm_bf16_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/core/bf16-inl.h"
#include "kernels/core/gemm_dots_cpu-inl.h"
#include "kernels/core/gemm_pack_cpu-inl.h"
#include "kernels/core/gemm_tile_cpu-inl.h"
#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using PairTag = hn::RebindToUnsigned<Tag>;
constexpr int64_t kMaxPairs = kGemmDepth / 2;  // in a block of k

// As pack_rows and pack_columns, with pairs for elements and half the rows.
template <class Bf16>
HWY_INLINE void pack_rows_as_pairs(uint32_t* packed, const GemmOperand& b, const Block& block) {
  const Tag d;
  const PairTag u;
  const int64_t tail = block.columns - (block.vectors - 1) * kLanes;
  const float* from = b.data + block.k * b.stride + block.column;
  for (int64_t k = 0; k < block.depth; k += 2, from += 2 * b.stride) {
    const bool alone = k + 1 == block.depth;
    for (int64_t v = 0; v < block.vectors; ++v, packed += kLanes) {
      const bool whole = v + 1 < block.vectors || tail == kLanes;
      const auto load = [&](const float* p)
                            HWY_ATTR { return whole ? hn::LoadU(d, p) : load_first(d, p, tail); };
      const float* p = from + v * kLanes;
      const auto second = alone ? hn::Zero(d) : load(p + b.stride);
      hn::Store(Bf16::interleave(d, load(p), second), u, packed);
    }
  }
}

template <class Bf16>
HWY_INLINE void pack_columns_as_pairs(uint32_t* packed, const GemmOperand& b, const Block& block) {
  const Tag d;
  const int64_t width = block.vectors * kLanes;
  for (int64_t k = 0; k < block.depth; k += 2 * kLanes) {
    const int64_t depth = std::min(2 * kLanes, block.depth - k);
    for (int64_t v = 0; v < block.vectors; ++v) {
      const int64_t columns = std::min(kLanes, block.columns - v * kLanes);
      const float* from = b.data + (block.column + v * kLanes) * b.stride + block.k + k;
      pack_square(packed + k / 2 * width + v * kLanes, width, (depth + 1) / 2,
                  [&](int64_t j) HWY_ATTR {
                    if (j >= columns) return hn::Zero(d);
                    return hn::BitCast(d, load_neighbours<Bf16>(Tag(), from + j * b.stride, depth));
                  });
    }
  }
}

// The pairs of kGemmPanel rows of A. They lie as A itself does, so that most are rounded where they
// stand: (row, pair) at row * kRow + pair / kChunk * kNextChunk + pair % kChunk * kPair.
// round<Bf16>() puts those of rows [row, row + live) there; what it finds for the others is any.
constexpr int64_t kChunk = kGemmPanel / 2;

template <GemmLayout kLayout>
struct PairsOfA;

template <>
struct PairsOfA<GemmLayout::kRows> {
  static constexpr int64_t kRow = kMaxPairs, kPair = 1, kNextChunk = kChunk;

  template <class Bf16>
  static HWY_INLINE void round(uint32_t* a, const Strip& s, int64_t row, int64_t live) {
    const PairTag u;
    for (int64_t r = 0; r < kGemmPanel; ++r, a += kRow) {
      const float* from = s.g.a.data + (row + std::min(r, live - 1)) * s.g.a.stride + s.k;
      for (int64_t i = 0; i < s.depth; i += 2 * kLanes) {
        hn::Store(load_neighbours<Bf16>(Tag(), from + i, s.depth - i), u, a + i / 2);
      }
    }
  }
};

template <>
struct PairsOfA<GemmLayout::kPanels> {
  static constexpr int64_t kRow = 1, kPair = kGemmPanel, kNextChunk = kChunk * kPair;

  template <class Bf16>
  static HWY_INLINE void round(uint32_t* a, const Strip& s, int64_t row, int64_t) {
    const hn::CappedTag<float, kGemmPanel> d;
    const hn::RebindToUnsigned<decltype(d)> u;
    constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(d));
    const float* from = s.g.a.data + panel_offset(s.g.k, row, s.k);
    for (int64_t i = 0; i < s.depth; i += 2, from += 2 * kGemmPanel, a += kGemmPanel) {
      for (int64_t r = 0; r < kGemmPanel; r += kStep) {
        const auto second = i + 1 < s.depth ? hn::LoadU(d, from + kGemmPanel + r) : hn::Zero(d);
        hn::StoreU(Bf16::interleave(d, hn::LoadU(d, from + r), second), u, a + r);
      }
    }
  }
};

template <>
struct PairsOfA<GemmLayout::kPanelsTransposed> {
  static constexpr int64_t kRow = kChunk, kPair = 1, kNextChunk = kChunk * kGemmPanel;
  static constexpr int64_t kSquare = kGemmPanel * kGemmPanel;

  template <class Bf16>
  static HWY_INLINE void round(uint32_t* a, const Strip& s, int64_t row, int64_t live) {
    alignas(64) float edge[kSquare];
    for (int64_t i = 0; i < s.depth; i += kGemmPanel, a += kSquare / 2) {
      const float* from = s.g.a.data + panel_offset(s.g.m, s.k + i, row);
      const int64_t width = std::min(kGemmPanel, s.depth - i);
      if (width < kGemmPanel || live < kGemmPanel) {
        copy_edge(edge, from, live, width);
        from = edge;
      }
      for (int64_t j = 0; j < kSquare; j += 2 * kLanes) {
        hn::Store(load_neighbours<Bf16>(Tag(), from + j, 2 * kLanes), PairTag(), a + j / 2);
      }
    }
  }

 private:
  static void copy_edge(float* edge, const float* from, int64_t live, int64_t width) {
    std::fill_n(edge, kSquare, 0.0f);
    for (int64_t r = 0; r < live; ++r) {
      std::copy_n(from + r * kGemmPanel, width, edge + r * kGemmPanel);
    }
  }
};

// kTileRows rows of the strip's columns, of which the first `live` belong to C.
template <class Bf16, int kVectors, GemmLayout kLayout>
HWY_INLINE void tile(const Strip& s, const uint32_t* a, const uint32_t* b, int64_t row,
                     int64_t live) {
  using Place = PairsOfA<kLayout>;
  const Tag d;
  const PairTag u;
  hn::Vec<Tag> sum[kTileRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  const auto add = [&](int64_t pair) HWY_ATTR {
    hn::Vec<PairTag> bk[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) bk[v] = hn::Load(u, b + v * kLanes);
    b += kVectors * kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < kTileRows; ++r) {
      const auto ak = hn::Set(u, a[r * Place::kRow + pair * Place::kPair]);
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Bf16::dot(d, sum[r][v], ak, bk[v]);
    }
  };
  const int64_t pairs = (s.depth + 1) / 2;
  int64_t pair = 0;
  for (; pair + kChunk <= pairs; pair += kChunk, a += Place::kNextChunk) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < kChunk; ++i) add(i);
  }
  for (int64_t i = 0; pair + i < pairs; ++i) add(i);
#pragma GCC unroll 8
  for (int r = 0; r < kTileRows; ++r) {
    if (r < live) finish_row<kVectors>(sum[r], s, row + r);
  }
}

template <class Bf16>
struct PairFactors {
  using Packed = uint32_t;
  static constexpr int64_t kSteps = kMaxPairs, kStep = 2 * kLanes;

  static void pack(uint32_t* packed, const GemmOperand& b, const Block& block) {
    if (b.layout == GemmLayout::kRows) {
      pack_rows_as_pairs<Bf16>(packed, b, block);
    } else {
      pack_columns_as_pairs<Bf16>(packed, b, block);
    }
  }
  template <int kVectors, GemmLayout kLayout>
  static void tiles(const Strip& s, const uint32_t* b, Range rows) {
    alignas(64) uint32_t a[kGemmPanel * kMaxPairs];
    for (int64_t row = rows.begin; row < rows.end; row += kGemmPanel) {
      const int64_t live = std::min(kGemmPanel, rows.end - row);
      PairsOfA<kLayout>::template round<Bf16>(a, s, row, live);
      for (int64_t r = 0; r < live; r += kTileRows) {
        tile<Bf16, kVectors, kLayout>(s, a + r * PairsOfA<kLayout>::kRow, b, row + r, live - r);
      }
    }
  }
  static HWY_INLINE Pairs<Tag> load(const float* p, int64_t n) {
    return load_neighbours<Bf16>(Tag(), p, n);
  }
  static HWY_INLINE hn::Vec<Tag> add(hn::Vec<Tag> sum, Pairs<Tag> x, Pairs<Tag> y) {
    return Bf16::dot(Tag(), sum, x, y);
  }
};

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3  // the best targets have the smallest numbers
bool has_native() {
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has;
}

void panel(const Gemm& g, Range rows, Panel p) {
  return has_native() ? multiply_panel<PairFactors<NativeBf16>>(g, rows, p)
                      : multiply_panel<PairFactors<PortableBf16>>(g, rows, p);
}

void thin(const Gemm& g, Range many, bool wide) {
  return has_native() ? dots<PairFactors<NativeBf16>>(g, many, wide)
                      : dots<PairFactors<PortableBf16>>(g, many, wide);
}
#else
bool has_native() { return false; }

void panel(const Gemm& g, Range rows, Panel p) {
  multiply_panel<PairFactors<PortableBf16>>(g, rows, p);
}

void thin(const Gemm& g, Range many, bool wide) { dots<PairFactors<PortableBf16>>(g, many, wide); }
#endif

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(panel);
HWY_EXPORT(thin);
HWY_EXPORT(has_native);

}  // namespace

bool has_fast_bf16() { return HWY_DYNAMIC_DISPATCH(has_native)(); }

void gemm_panel_bf16(const Gemm& g, Range rows, Panel p) {
  HWY_DYNAMIC_DISPATCH(panel)(g, rows, p);
}

void gemm_dots_bf16(const Gemm& g, Range many, bool wide) {
  HWY_DYNAMIC_DISPATCH(thin)(g, many, wide);
}

}  // namespace hotrow
#endif  // HWY_ONCE
