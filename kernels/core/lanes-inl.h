// Loops over vectors and loads of fewer lanes, for Highway kernels: include after <hwy/highway.h>
// in a file that foreach_target.h compiles once per instruction set.
#include <algorithm>
#include <cstdint>

#include "kernels/core/parallel.h"

#if defined(HOTROW_KERNELS_CORE_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOTROW_KERNELS_CORE_LANES_INL_H_
#undef HOTROW_KERNELS_CORE_LANES_INL_H_
#else
#define HOTROW_KERNELS_CORE_LANES_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {

// Calls body(tag, i) for whole vectors of elements i, i + 1, ... of `range` and for what is left
// one element at a time. Both do the same arithmetic, so bits do not depend on where a range is
// cut.
template <class Body>
HWY_INLINE void for_vectors_then_singles(Range range, const Body& body) {
  const hwy::HWY_NAMESPACE::ScalableTag<float> vector;
  const hwy::HWY_NAMESPACE::CappedTag<float, 1> single;
  const int64_t lanes = static_cast<int64_t>(hwy::HWY_NAMESPACE::Lanes(vector));
  int64_t i = range.begin;
  for (; i + lanes <= range.end; i += lanes) body(vector, i);
  for (; i < range.end; ++i) body(single, i);
}

// The first n < Lanes floats at p, zeros behind them; reads nothing past them.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> load_first(D d, const float* p, int64_t n) {
#if HWY_MEM_OPS_MIGHT_FAULT && HWY_TARGET != HWY_AVX2  // AVX2 has loads that skip lanes
  HWY_ALIGN float buffer[hwy::HWY_NAMESPACE::MaxLanes(D())] = {};
  std::copy_n(p, n, buffer);
  return hwy::HWY_NAMESPACE::Load(d, buffer);
#else
  return hwy::HWY_NAMESPACE::MaskedLoad(hwy::HWY_NAMESPACE::FirstN(d, static_cast<size_t>(n)), d,
                                        p);
#endif
}

// The inverse: writes n < Lanes floats.
template <class D>
HWY_INLINE void store_first(hwy::HWY_NAMESPACE::Vec<D> v, D d, float* p, int64_t n) {
  HWY_ALIGN float buffer[hwy::HWY_NAMESPACE::MaxLanes(D())];
  hwy::HWY_NAMESPACE::Store(v, d, buffer);
  std::copy_n(buffer, n, p);
}

}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#endif
