// A block of B as gemm's tiles read it: for each k in turn the columns of one panel, zeros behind
// the last one. Compiled once an instruction set: include it after hwy/foreach_target.h, in the
// global namespace.
#include <algorithm>
#include <cstdint>

#include "kernels/core/gemm.h"
#include "kernels/core/gemm_panels.h"

#if defined(HOTROW_KERNELS_CORE_GEMM_PACK_CPU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOTROW_KERNELS_CORE_GEMM_PACK_CPU_INL_H_
#undef HOTROW_KERNELS_CORE_GEMM_PACK_CPU_INL_H_
#else
#define HOTROW_KERNELS_CORE_GEMM_PACK_CPU_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {  // one copy a source file: the compiler options of two may differ
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Tag()));

// Rows [k, k + depth) and columns [column, column + columns) of B, as `vectors` vectors a row.
struct Block {
  int64_t k, depth, column, columns, vectors;
};

HWY_INLINE void pack_rows(float* packed, const GemmOperand& b, const Block& block) {
  const Tag d;
  const int64_t tail = block.columns - (block.vectors - 1) * kLanes;
  const float* from = b.data + block.k * b.stride + block.column;
  for (int64_t k = 0; k < block.depth; ++k, from += b.stride, packed += block.vectors * kLanes) {
    for (int64_t v = 0; v + 1 < block.vectors; ++v) {
      hn::Store(hn::LoadU(d, from + v * kLanes), d, packed + v * kLanes);
    }
    const int64_t last = (block.vectors - 1) * kLanes;
    hn::Store(tail == kLanes ? hn::LoadU(d, from + last) : load_first(d, from + last, tail), d,
              packed + last);
  }
}

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void transpose(hn::Vec<Tag> (&)[1]) {}
#else
// In 128-bit blocks: rows g .. g + 3 become columns.
HWY_INLINE void transpose_quads(hn::Vec<Tag> (&row)[kLanes]) {
  const Tag d;
  const hn::Repartition<uint64_t, Tag> pairs;
#pragma GCC unroll 4
  for (int64_t g = 0; g < kLanes; g += 4) {
    const auto ab0 = hn::BitCast(pairs, hn::InterleaveLower(d, row[g], row[g + 1]));
    const auto ab1 = hn::BitCast(pairs, hn::InterleaveUpper(d, row[g], row[g + 1]));
    const auto cd0 = hn::BitCast(pairs, hn::InterleaveLower(d, row[g + 2], row[g + 3]));
    const auto cd1 = hn::BitCast(pairs, hn::InterleaveUpper(d, row[g + 2], row[g + 3]));
    row[g] = hn::BitCast(d, hn::InterleaveLower(pairs, ab0, cd0));
    row[g + 1] = hn::BitCast(d, hn::InterleaveUpper(pairs, ab0, cd0));
    row[g + 2] = hn::BitCast(d, hn::InterleaveLower(pairs, ab1, cd1));
    row[g + 3] = hn::BitCast(d, hn::InterleaveUpper(pairs, ab1, cd1));
  }
}

// The square of registers, row[i] lane j <-> row[j] lane i.
HWY_INLINE void transpose(hn::Vec<Tag> (&row)[kLanes]) {
  transpose_quads(row);
  [[maybe_unused]] const Tag d;
#if HWY_CAP_GE512
#pragma GCC unroll 4
  for (int64_t q = 0; q < 4; ++q) {
    const auto a = row[q], b = row[q + 4], c = row[q + 8], e = row[q + 12];
    const auto ac = hn::ConcatLowerLower(d, c, a), be = hn::ConcatLowerLower(d, e, b);
    const auto ac_high = hn::ConcatUpperUpper(d, c, a), be_high = hn::ConcatUpperUpper(d, e, b);
    row[q] = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(be), ac);
    row[q + 4] = hn::OddEvenBlocks(be, hn::SwapAdjacentBlocks(ac));
    row[q + 8] = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(be_high), ac_high);
    row[q + 12] = hn::OddEvenBlocks(be_high, hn::SwapAdjacentBlocks(ac_high));
  }
#elif HWY_CAP_GE256
#pragma GCC unroll 4
  for (int64_t q = 0; q < 4; ++q) {
    const auto a = row[q], b = row[q + 4];
    row[q] = hn::ConcatLowerLower(d, b, a);
    row[q + 4] = hn::ConcatUpperUpper(d, b, a);
  }
#endif
}
#endif

// The square whose columns are load(0), load(1), ...: the first `depth` of its rows to memory.
template <class T, class Load>
HWY_INLINE void pack_square(T* packed, int64_t packed_stride, int64_t depth, const Load& load) {
  const hn::Rebind<T, Tag> as_stored;
  hn::Vec<Tag> row[kLanes];
#pragma GCC unroll 16
  for (int64_t j = 0; j < kLanes; ++j) row[j] = load(j);
  transpose(row);
#pragma GCC unroll 16
  for (int64_t k = 0; k < kLanes; ++k) {
    if (k < depth) hn::Store(hn::BitCast(as_stored, row[k]), as_stored, packed + k * packed_stride);
  }
}

HWY_INLINE void pack_columns(float* packed, const GemmOperand& b, const Block& block) {
  const Tag d;
  const int64_t width = block.vectors * kLanes;
  for (int64_t k = 0; k < block.depth; k += kLanes) {
    const int64_t depth = std::min(kLanes, block.depth - k);
    for (int64_t v = 0; v < block.vectors; ++v) {
      const int64_t columns = std::min(kLanes, block.columns - v * kLanes);
      const float* from = b.data + (block.column + v * kLanes) * b.stride + block.k + k;
      float* to = packed + k * width + v * kLanes;
      if (columns == kLanes && depth == kLanes) {
        pack_square(to, width, kLanes,
                    [&](int64_t j) HWY_ATTR { return hn::LoadU(d, from + j * b.stride); });
      } else {
        pack_square(to, width, depth, [&](int64_t j) HWY_ATTR {
          return j < columns ? load_first(d, from + j * b.stride, depth) : hn::Zero(d);
        });
      }
    }
  }
}

HWY_INLINE void pack(float* packed, const GemmOperand& b, const Block& block) {
  if (b.layout == GemmLayout::kRows) {
    pack_rows(packed, b, block);
  } else {
    pack_columns(packed, b, block);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#endif
