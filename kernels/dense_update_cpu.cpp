#include "kernels/dense_update.h"

#include <algorithm>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense_update_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

void sgd_range(float* w, const float* g, float lr, Range range) {
  for_vectors_then_singles(range, [=](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::NegMulAdd(hn::Set(d, lr), hn::LoadU(d, g + i), hn::LoadU(d, w + i)), d, w + i);
  });
}

void adagrad_range(float* w, float* s, const float* g, float lr, float eps, Range range) {
  for_vectors_then_singles(range, [=](auto d, int64_t i) HWY_ATTR {
    const auto gi = hn::LoadU(d, g + i);
    const auto si = hn::MulAdd(gi, gi, hn::LoadU(d, s + i));
    const auto root = hn::Add(hn::Sqrt(si), hn::Set(d, eps));
    const auto step = hn::Div(hn::Mul(hn::Set(d, lr), gi), root);
    hn::StoreU(si, d, s + i);
    hn::StoreU(hn::Sub(hn::LoadU(d, w + i), step), d, w + i);
  });
}

void adam_range(float* w, float* m, float* v, const float* g, const UpdateConstants& c,
                Range range) {
  for_vectors_then_singles(range, [=](auto d, int64_t i) HWY_ATTR {
    const auto gi = hn::LoadU(d, g + i);
    const auto m0 = hn::LoadU(d, m + i);
    const auto m1 = hn::MulAdd(hn::Set(d, c.blend1), hn::Sub(gi, m0), m0);
    const auto kept = hn::Mul(hn::Set(d, c.keep2), hn::LoadU(d, v + i));
    const auto v1 = hn::MulAdd(hn::Set(d, c.blend2), hn::Mul(gi, gi), kept);
    const auto root = hn::Add(hn::Div(hn::Sqrt(v1), hn::Set(d, c.dense_root2)), hn::Set(d, c.eps));
    const auto step = hn::Div(hn::Mul(hn::Set(d, c.dense_rate), m1), root);
    hn::StoreU(m1, d, m + i);
    hn::StoreU(v1, d, v + i);
    hn::StoreU(hn::Sub(hn::LoadU(d, w + i), step), d, w + i);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(sgd_range);
HWY_EXPORT(adagrad_range);
HWY_EXPORT(adam_range);

// Tasks of 32 KiB an array.
constexpr int64_t kGrain = int64_t{1} << 13;

}  // namespace

int64_t dense_update_state_size(UpdateKind kind, int64_t n) {
  switch (kind) {
    case UpdateKind::kSgd:
      return 0;
    case UpdateKind::kAdagrad:
    case UpdateKind::kRowwiseAdagrad:
      return n;
    case UpdateKind::kAdam:
      return 2 * n;
  }
  return 0;
}

void check_dense_update(UpdateKind kind, const float* state, int64_t n) {
  require(n >= 0, "[dense update] bad number of parameters: got {}, expected >= 0", n);
  require(state != nullptr || dense_update_state_size(kind, n) == 0,
          "[dense update] no state: got null, expected {} floats",
          dense_update_state_size(kind, n));
}

void dense_update(float* w, float* state, const float* g, int64_t n, const UpdateRule& rule,
                  CpuStream) {
  const UpdateConstants c = update_constants("dense update", rule);
  check_dense_update(rule.kind, state, n);
  parallel_for(ceil_div(n, kGrain), [&](int64_t task) {
    const Range range{task * kGrain, std::min(n, (task + 1) * kGrain)};
    switch (rule.kind) {
      case UpdateKind::kSgd:
        return HWY_DYNAMIC_DISPATCH(sgd_range)(w, g, c.rate, range);
      case UpdateKind::kAdagrad:
      case UpdateKind::kRowwiseAdagrad:
        return HWY_DYNAMIC_DISPATCH(adagrad_range)(w, state, g, c.rate, c.eps, range);
      case UpdateKind::kAdam:
        return HWY_DYNAMIC_DISPATCH(adam_range)(w, state, state + n, g, c, range);
    }
  });
}

}  // namespace hotrow
#endif  // HWY_ONCE
