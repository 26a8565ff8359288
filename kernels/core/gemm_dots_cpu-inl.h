// Products with few rows or columns, as dot products of rows of A with columns of B that lie as
// rows. Compiled once an instruction set: include it after hwy/foreach_target.h, in the global
// namespace.
#include <algorithm>
#include <cstdint>

#include "kernels/core/gemm.h"
#include "kernels/core/parallel.h"

#if defined(HOTROW_KERNELS_CORE_GEMM_DOTS_CPU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOTROW_KERNELS_CORE_GEMM_DOTS_CPU_INL_H_
#undef HOTROW_KERNELS_CORE_GEMM_DOTS_CPU_INL_H_
#else
#define HOTROW_KERNELS_CORE_GEMM_DOTS_CPU_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/core/gemm_pack_cpu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {  // one copy a source file: the compiler options of two may differ
namespace hn = hwy::HWY_NAMESPACE;

// sums[i] = dot(x, y_i) over n elements, for four rows y_i. Factors: how up to kStep elements are
// loaded, and their products added to a sum.
template <class Factors>
HWY_INLINE void four_dots(float (&sums)[4], const float* x, const float* const (&y)[4], int64_t n) {
  const Tag d;
  hn::Vec<Tag> sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  const auto add = [&](int64_t k, int64_t count) HWY_ATTR {
    const auto xk = Factors::load(x + k, count);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sum[i] = Factors::add(sum[i], xk, Factors::load(y[i] + k, count));
  };
  int64_t k = 0;
  for (; k + Factors::kStep <= n; k += Factors::kStep) add(k, Factors::kStep);
  if (k < n) add(k, n - k);
  for (int i = 0; i < 4; ++i) sums[i] = hn::GetLane(hn::SumOfLanes(d, sum[i]));
}

// The elements (few, many) or (many, few) of C. `wide`: B has the many.
template <class Factors>
void dots(const Gemm& g, Range many, bool wide) {
  const GemmOperand &y = wide ? g.b : g.a, &x = wide ? g.a : g.b;
  float sums[4];
  for (int64_t j = 0; j < (wide ? g.m : g.n); ++j) {
    for (int64_t first = many.begin; first < many.end; first += 4) {
      const float* rows[4];
      for (int64_t i = 0; i < 4; ++i) {
        rows[i] = y.data + std::min(first + i, many.end - 1) * y.stride;
      }
      four_dots<Factors>(sums, x.data + j * x.stride, rows, g.k);
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

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#endif
