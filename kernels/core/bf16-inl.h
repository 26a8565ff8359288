// Arithmetic of bf16 numbers in pairs, which share 32 bits: the first in the lower half. Compiled
// once an instruction set: include it after hwy/foreach_target.h, in the global namespace.
//
// round: to nearest, ties to even; numbers below 2^-126 become 0, NaN stays NaN. dot: sum + a1 b1 +
// a0 b0, in that order, each product exact and each sum rounded once. Source: Intel's Architecture
// Instruction Set Extensions Programming Reference, VCVTNE2PS2BF16 and VDPBF16PS.
#include <cstdint>

#if defined(HOTROW_KERNELS_CORE_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOTROW_KERNELS_CORE_BF16_INL_H_
#undef HOTROW_KERNELS_CORE_BF16_INL_H_
#else
#define HOTROW_KERNELS_CORE_BF16_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {  // one copy a source file: the compiler options of two may differ
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
using Pairs = hn::Vec<hn::RebindToUnsigned<D>>;

// In fp32 and integers, for machines without an instruction.
struct PortableBf16 {
  // x rounded, in the upper half of its bits.
  template <class D>
  static HWY_INLINE Pairs<D> round(D d, hn::Vec<D> x) {
    const hn::RebindToUnsigned<D> u;
    const auto bits = hn::BitCast(u, x);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(u, 1));
    auto rounded = hn::Add(hn::Add(bits, hn::Set(u, 0x7FFF)), odd);
    const auto nan = hn::RebindMask(u, hn::IsNaN(x));
    rounded = hn::IfThenElse(nan, hn::Or(bits, hn::Set(u, 0x00400000)), rounded);
    const auto tiny = hn::RebindMask(u, hn::Lt(hn::Abs(x), hn::Set(d, 0x1p-126f)));
    rounded = hn::IfThenElse(tiny, hn::And(bits, hn::Set(u, 0x80000000)), rounded);
    return hn::And(rounded, hn::Set(u, 0xFFFF0000));
  }
  // Lane i: the pair (first[i], second[i]).
  template <class D>
  static HWY_INLINE Pairs<D> interleave(D d, hn::Vec<D> first, hn::Vec<D> second) {
    return hn::Or(hn::ShiftRight<16>(round(d, first)), round(d, second));
  }
  // Pairs of neighbours: those in `low`, then those in `high`.
  template <class D>
  static HWY_INLINE Pairs<D> neighbours(D d, hn::Vec<D> low, hn::Vec<D> high) {
#if HWY_TARGET == HWY_SCALAR
    return interleave(d, low, high);
#else
    return interleave(d, hn::ConcatEven(d, high, low), hn::ConcatOdd(d, high, low));
#endif
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> dot(D d, hn::Vec<D> sum, Pairs<D> a, Pairs<D> b) {
    const auto mask = hn::Set(hn::RebindToUnsigned<D>(), 0xFFFF0000);
    const auto first = [&](Pairs<D> v) HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<16>(v)); };
    const auto second = [&](Pairs<D> v) HWY_ATTR { return hn::BitCast(d, hn::And(v, mask)); };
    return hn::MulAdd(first(a), first(b), hn::MulAdd(second(a), second(b), sum));
  }
};

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3  // the best targets have the smallest numbers
// In the instructions of AVX512-BF16. No target of Highway has them, and functions compiled for a
// target of our own could not be inlined among those of Highway: hence assembly.
struct NativeBf16 {
  // All of `low` rounded, then all of `high`.
  template <class V>
  static HWY_INLINE V round_both(V low, V high) {
    V out;
    asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(out.raw) : "v"(low.raw), "v"(high.raw));
    return out;
  }
  template <class D>
  static HWY_INLINE Pairs<D> interleave(D, hn::Vec<D> first, hn::Vec<D> second) {
    const hn::RebindToUnsigned<D> u;
    const auto halves = hn::BitCast(u, round_both(first, second));
    // Word 2 i from the lower half, word 2 i + 1 from the upper.
    const auto words = hn::Add(hn::Mul(hn::Iota(u, 0), hn::Set(u, 0x00010001)),
                               hn::Set(u, static_cast<uint32_t>(hn::MaxLanes(u)) << 16));
    if constexpr (hn::MaxLanes(u) == 16) {
      return {_mm512_permutexvar_epi16(words.raw, halves.raw)};
    } else {
      return {_mm256_permutexvar_epi16(words.raw, halves.raw)};
    }
  }
  template <class D>
  static HWY_INLINE Pairs<D> neighbours(D, hn::Vec<D> low, hn::Vec<D> high) {
    return hn::BitCast(hn::RebindToUnsigned<D>(), round_both(low, high));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> dot(D, hn::Vec<D> sum, Pairs<D> a, Pairs<D> b) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
    return sum;
  }
};
#endif

// The pairs of the n floats at p, n up to two vectors; zeros behind them.
template <class Bf16, class D>
HWY_INLINE Pairs<D> load_neighbours(D d, const float* p, int64_t n) {
  constexpr auto kLanesOfD = static_cast<int64_t>(hn::MaxLanes(D()));
  const auto load = [&](const float* from, int64_t left) HWY_ATTR {
    if (left >= kLanesOfD) return hn::LoadU(d, from);
    return left > 0 ? load_first(d, from, left) : hn::Zero(d);
  };
  return Bf16::neighbours(d, load(p, n), load(p + kLanesOfD, n - kLanesOfD));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#endif
