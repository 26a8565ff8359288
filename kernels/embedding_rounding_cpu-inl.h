// Rows of 16 bits for the update: as floats into a block, and back, split or rounded at random.
// Compiled once an instruction set: include it after hwy/foreach_target.h, in the global namespace.
#if defined(HOTROW_KERNELS_EMBEDDING_ROUNDING_CPU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOTROW_KERNELS_EMBEDDING_ROUNDING_CPU_INL_H_
#undef HOTROW_KERNELS_EMBEDDING_ROUNDING_CPU_INL_H_
#else
#define HOTROW_KERNELS_EMBEDDING_ROUNDING_CPU_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#include "kernels/core/parallel.h"
#include "kernels/embedding_rows_cpu-inl.h"
#include "kernels/embedding_update.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {

// Where the random numbers of a block of columns begin.
struct RandomPlace {
  RoundingKey key;
  uint64_t step;
  uint32_t row;
  int64_t column;  // a multiple of 8
};

// Numbers of 16 random bits for the columns of a block.
struct RandomBits {
  alignas(64) uint64_t words[kFold / 4];
  const uint16_t* column(int64_t c) const { return reinterpret_cast<const uint16_t*>(words) + c; }
};

// The low 32 bits of each lane times a factor of 32 bits.
template <class D>
HWY_INLINE hn::Vec<D> multiply_low(D d, hn::Vec<D> x, uint64_t factor) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(d, (hn::GetLane(x) & 0xFFFFFFFF) * factor);
#else
  const hn::Repartition<uint32_t, D> words;
  return hn::MulEven(hn::BitCast(words, x), hn::BitCast(words, hn::Set(d, factor)));
#endif
}

// Philox 4x32-10 for `width` columns, a counter in each lane of 64 bits. A product's lane is its
// high half above its low half; what stands above the low 32 bits of a counter word is never read
// before the end.
HWY_INLINE void draw(RandomBits& out, const RandomPlace& at, int64_t width) {
  const hn::ScalableTag<uint64_t> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t counters = ceil_div(width, 8), lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < counters; i += lanes) {
    V c0 = hn::Add(hn::Iota(d, 0), hn::Set(d, static_cast<uint64_t>(at.column / 8 + i)));
    V c1 = hn::Set(d, at.row), c2 = hn::Set(d, at.step), c3 = hn::Set(d, at.step >> 32);
    uint32_t k0 = at.key.seed, k1 = at.key.table;
    for (int round = 0; round < 10; ++round) {
      const V p0 = multiply_low(d, c0, 0xD2511F53), p1 = multiply_low(d, c2, 0xCD9E8D57);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, k0));
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, k1));
      c1 = p1;
      c3 = p0;
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    const auto join = [&](V low, V high) HWY_ATTR {
      return hn::Or(hn::And(low, hn::Set(d, 0xFFFFFFFF)), hn::ShiftLeft<32>(high));
    };
    alignas(64) uint64_t first[hn::MaxLanes(d)], second[hn::MaxLanes(d)];
    hn::Store(join(c0, c1), d, first);
    hn::Store(join(c2, c3), d, second);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      out.words[2 * (i + lane)] = first[lane];
      out.words[2 * (i + lane) + 1] = second[lane];
    }
  }
}

// The low 16 bits of each lane.
template <class D>
HWY_INLINE void store_halves(hn::Vec<D> bits, D, uint16_t* to) {
  const hn::Rebind<uint16_t, D> half;
  hn::StoreU(hn::DemoteTo(half, hn::BitCast(hn::RebindToSigned<D>(), bits)), half, to);
}

template <class D>
HWY_INLINE hn::Vec<D> load_halves(D d, const uint16_t* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<uint16_t, D>(), from));
}

// x between two neighbours of its type goes to the one further from zero if the part of the step
// that it has done, in 2^-16, and the random number come to 2^16.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> round_bf16(D, hn::Vec<D> x,
                                                       hn::Vec<hn::RebindToUnsigned<D>> random) {
  const hn::RebindToUnsigned<D> u;
  const auto bits = hn::BitCast(u, x);
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, random));
  const auto nan = hn::Or(hn::ShiftRight<16>(bits), hn::Set(u, 0x40u));
  return hn::IfThenElse(hn::RebindMask(u, hn::IsNaN(x)), nan, rounded);
}

template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> round_fp16(D d, hn::Vec<D> x,
                                                       hn::Vec<hn::RebindToUnsigned<D>> random) {
  const hn::RebindToUnsigned<D> u;
  const auto size = hn::Abs(x);
  // From 2^16 on all is infinity. A half's exponent counts from 112 less than a float's.
  const auto capped = hn::BitCast(u, hn::Min(size, hn::Set(d, 0x1p16f)));
  const auto normal = hn::ShiftRight<13>(
      hn::Sub(hn::Add(capped, hn::ShiftRight<3>(random)), hn::Set(u, 112u << 23)));
  // Below 2^-14 a step is 2^-24.
  const auto steps = hn::BitCast(u, hn::NearestInt(hn::Mul(size, hn::Set(d, 0x1p40f))));
  const auto small = hn::ShiftRight<16>(hn::Add(steps, random));
  const auto is_small = hn::RebindMask(u, hn::Lt(size, hn::Set(d, 0x1p-14f)));
  auto magnitude = hn::IfThenElse(is_small, small, normal);
  magnitude = hn::IfThenElse(hn::RebindMask(u, hn::IsNaN(x)), hn::Set(u, 0x7E00u), magnitude);
  const auto sign = hn::And(hn::ShiftRight<16>(hn::BitCast(u, x)), hn::Set(u, 0x8000u));
  return hn::Or(sign, magnitude);
}

// w[0 .. width) = elements first, first + 1, ... of the table.
template <TableType kType>
HWY_INLINE void load_block(float* w, const TableRows& rows, int64_t first, int64_t width) {
  for_each_vector(width, [&](auto d, int64_t c) HWY_ATTR {
    if constexpr (kType == TableType::kSplitBf16) {
      const hn::RebindToUnsigned<decltype(d)> u;
      const auto high = hn::BitCast(u, load(d, rows.as<Bf16>() + first + c));
      const auto bits = hn::Or(high, load_halves(u, rows.low + first + c));
      hn::Store(hn::BitCast(d, bits), d, w + c);
    } else {
      using T = std::conditional_t<kType == TableType::kBf16, Bf16, Fp16>;
      hn::Store(load(d, rows.as<T>() + first + c), d, w + c);
    }
  });
}

// The inverse. What rounds draws its random numbers at `random`.
template <TableType kType>
HWY_INLINE void store_block(const TableRows& rows, int64_t first, const float* w, int64_t width,
                            const RandomPlace& random) {
  RandomBits bits;
  draw(bits, random, width);
  for_each_vector(width, [&](auto d, int64_t c) HWY_ATTR {
    const hn::RebindToUnsigned<decltype(d)> u;
    const auto x = hn::Load(d, w + c);
    const auto r = load_halves(u, bits.column(c));
    const auto rounded = kType == TableType::kBf16 ? round_bf16(d, x, r) : round_fp16(d, x, r);
    store_halves(rounded, u, rows.as<uint16_t>() + first + c);
  });
}
template <>
HWY_INLINE void store_block<TableType::kSplitBf16>(const TableRows& rows, int64_t first,
                                                   const float* w, int64_t width,
                                                   const RandomPlace&) {
  for_each_vector(width, [&](auto d, int64_t c) HWY_ATTR {
    const hn::RebindToUnsigned<decltype(d)> u;
    const auto bits = hn::BitCast(u, hn::Load(d, w + c));
    store_halves(hn::ShiftRight<16>(bits), u, rows.as<uint16_t>() + first + c);
    store_halves(hn::And(bits, hn::Set(u, 0xFFFFu)), u, rows.low + first + c);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#endif
