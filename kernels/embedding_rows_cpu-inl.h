// Rows of any width as vectors: what the lookup, its weight gradient and the update share.
// Compiled once an instruction set: include it after hwy/foreach_target.h, in the global namespace.
#if defined(HOTROW_KERNELS_EMBEDDING_ROWS_CPU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOTROW_KERNELS_EMBEDDING_ROWS_CPU_INL_H_
#undef HOTROW_KERNELS_EMBEDDING_ROWS_CPU_INL_H_
#else
#define HOTROW_KERNELS_EMBEDDING_ROWS_CPU_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/core/table_rows.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {  // one copy a source file: the compiler options of two may differ
namespace hn = hwy::HWY_NAMESPACE;

// Elements of a row as floats.
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* x) {
  return hn::LoadU(d, x);
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const Bf16* x) {
  const hn::Rebind<uint16_t, D> half;
  const auto bits = hn::LoadU(half, reinterpret_cast<const uint16_t*>(x));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(hn::RebindToUnsigned<D>(), bits)));
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const Fp16* x) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  const hn::Rebind<hwy::float16_t, D> half;
  return hn::PromoteTo(d, hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(x)));
#else  // Where there is no instruction for it, Highway's conversion makes a number of infinity.
  const hn::RebindToUnsigned<D> u;
  const hn::Rebind<uint16_t, D> half;
  const auto bits = hn::PromoteTo(u, hn::LoadU(half, reinterpret_cast<const uint16_t*>(x)));
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(u, 0x8000u)));
  // Where a float has its exponent; a half's counts from 2^112 times less.
  const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(u, 0x7FFFu)));
  const auto finite = hn::BitCast(u, hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f)));
  const auto special = hn::Or(magnitude, hn::Set(u, 0x7F800000u));  // infinity and NaN
  const auto is_special = hn::Gt(magnitude, hn::Set(u, 0x7BFFu << 13));
  return hn::BitCast(d, hn::Or(sign, hn::IfThenElse(is_special, special, finite)));
#endif
}

// kWidth neighbouring columns of a row, in registers. kWidth is a power of two.
template <int64_t kWidth>
struct Piece {
  using D = hn::CappedTag<float, static_cast<size_t>(kWidth)>;
  static constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  static constexpr int64_t kVectors = kWidth / kLanes;
  hn::Vec<D> v[kVectors];

  HWY_INLINE void clear() {
    HWY_UNROLL(8)
    for (int64_t i = 0; i < kVectors; ++i) v[i] = hn::Zero(D());
  }
  template <class T>
  HWY_INLINE void add(const T* x) {
    HWY_UNROLL(8)
    for (int64_t i = 0; i < kVectors; ++i) v[i] = hn::Add(v[i], load(D(), x + i * kLanes));
  }
  template <class T>
  HWY_INLINE void add_scaled(float a, const T* x) {
    const auto scale = hn::Set(D(), a);
    HWY_UNROLL(8)
    for (int64_t i = 0; i < kVectors; ++i) {
      v[i] = hn::MulAdd(scale, load(D(), x + i * kLanes), v[i]);
    }
  }
  HWY_INLINE void scale(float a) {
    HWY_UNROLL(8)
    for (int64_t i = 0; i < kVectors; ++i) v[i] = hn::Mul(hn::Set(D(), a), v[i]);
  }
  HWY_INLINE void store(float* out) const {
    HWY_UNROLL(8)
    for (int64_t i = 0; i < kVectors; ++i) hn::StoreU(v[i], D(), out + i * kLanes);
  }
};

// Eight vectors leave half of AVX2's sixteen registers for loads.
constexpr int64_t kWidestPiece = 8 * static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<float>()));

// Cuts [column, width) into pieces, widest first: calls f(integral_constant<piece width>, column)
// for each. 100 columns are 64 + 32 + 4, so that no width needs masks or reads past a row.
template <int64_t kWidth = kWidestPiece, class F>
HWY_INLINE void for_each_piece(int64_t width, const F& f, int64_t column = 0) {
  for (; width - column >= kWidth; column += kWidth) {
    f(std::integral_constant<int64_t, kWidth>(), column);
  }
  if constexpr (kWidth > 1) {
    if (column < width) for_each_piece<kWidth / 2>(width, f, column);
  }
}

// Calls f(tag, column) for the vectors of [0, width) in turn: full ones, then ever shorter ones.
template <class F>
HWY_INLINE void for_each_vector(int64_t width, const F& f) {
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<float>()));
  for_each_piece<kLanes>(width, [&](auto piece, int64_t column) HWY_ATTR {
    f(hn::CappedTag<float, static_cast<size_t>(piece())>(), column);
  });
}

template <class T>
constexpr int64_t kCacheLine = 64 / sizeof(T);

// How many rows of T ahead to ask for: 256 lines keep memory busy through hits and misses alike,
// and fit into every second cache.
template <class T>
HWY_INLINE int64_t rows_ahead(int64_t dim) {
  const int64_t lines = std::max<int64_t>(1, (dim + kCacheLine<T> - 1) / kCacheLine<T>);
  return std::max<int64_t>(16, 256 / lines);
}

// Asks for every line of a row; one of odd width or address may end a line later than it seems.
// Into the second cache: more lines may be on their way there than to the first.
template <class T>
HWY_INLINE void prefetch_row(const T* row, int64_t dim) {
  for (int64_t c = 0; c < dim; c += kCacheLine<T>) __builtin_prefetch(row + c, 0, 2);
  if (dim % kCacheLine<T> != 0) __builtin_prefetch(row + dim - 1, 0, 2);
}

// Columns that one fold sums, see dot().
constexpr int64_t kFold = 256;

// The fold of P = 16, 32, .., kFold products that kernels/embedding_bag.h defines.
template <class T>
HWY_INLINE float fold(const float* a, const T* b, int64_t products) {
  alignas(64) float q[kFold / 2];
  int64_t half = products / 2;
  for_each_vector(half, [&](auto d, int64_t c) HWY_ATTR {
    const auto low = hn::Mul(hn::LoadU(d, a + c), load(d, b + c));
    hn::StoreU(hn::MulAdd(hn::LoadU(d, a + half + c), load(d, b + half + c), low), d, q + c);
  });
  while (half > 1) {
    half /= 2;
    for_each_vector(half, [&](auto d, int64_t c) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(d, q + c), hn::LoadU(d, q + half + c)), d, q + c);
    });
  }
  return q[0];
}

// dot(a, b) over n columns in an order that depends on n alone.
template <class T>
HWY_INLINE float dot(const float* a, const T* b, int64_t n) {
  float sum = 0;
  for (; n >= kFold; n -= kFold, a += kFold, b += kFold) sum += fold(a, b, kFold);
  if (n == 0) return sum;
  int64_t products = 16;
  while (products < n) products *= 2;
  if (products == n) return sum + fold(a, b, n);
  alignas(64) float padded_a[kFold] = {};
  alignas(64) T padded_b[kFold] = {};
  std::copy_n(a, n, padded_a);
  std::copy_n(b, n, padded_b);
  return sum + fold(padded_a, padded_b, products);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#endif
