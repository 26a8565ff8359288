#include "kernels/elementwise.h"

#include <algorithm>

#include "kernels/argument_checks.h"
#include "kernels/core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise_cpu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "kernels/core/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hotrow {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

void add_range(float* out, const float* a, const float* b, Range range) {
  for_vectors_then_singles(range, [=](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i);
  });
}

void multiply_range(float* out, const float* a, const float* b, Range range) {
  for_vectors_then_singles(range, [=](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i);
  });
}

void multiply_add_range(float* out, const float* a, const float* b, Range range) {
  for_vectors_then_singles(range, [=](auto d, int64_t i) HWY_ATTR {
    const auto sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), hn::LoadU(d, out + i));
    hn::StoreU(sum, d, out + i);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hotrow
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotrow {
namespace {

HWY_EXPORT(add_range);
HWY_EXPORT(multiply_range);
HWY_EXPORT(multiply_add_range);

// Tasks of 128 KiB an operand.
constexpr int64_t kGrain = int64_t{1} << 15;

template <class Body>
void for_ranges(const char* op, int64_t n, const Body& body) {
  check_size(op, n);
  parallel_for(ceil_div(n, kGrain), [&](int64_t task) {
    body(Range{task * kGrain, std::min(n, (task + 1) * kGrain)});
  });
}

void product_gradient(float* out, bool accumulate, const float* dout, const float* other,
                      Range range) {
  if (out == nullptr) return;
  if (accumulate) {
    HWY_DYNAMIC_DISPATCH(multiply_add_range)(out, dout, other, range);
  } else {
    HWY_DYNAMIC_DISPATCH(multiply_range)(out, dout, other, range);
  }
}

}  // namespace

void copy(float* out, const float* a, int64_t n, bool accumulate, CpuStream) {
  for_ranges("copy", n, [&](Range range) {
    if (accumulate) {
      HWY_DYNAMIC_DISPATCH(add_range)(out, out, a, range);
    } else {
      std::copy(a + range.begin, a + range.end, out + range.begin);
    }
  });
}

void add(float* out, const float* a, const float* b, int64_t n, CpuStream) {
  for_ranges("add", n, [&](Range range) { HWY_DYNAMIC_DISPATCH(add_range)(out, a, b, range); });
}

void multiply(float* out, const float* a, const float* b, int64_t n, CpuStream) {
  for_ranges("multiply", n, [&](Range range) {
    HWY_DYNAMIC_DISPATCH(multiply_range)(out, a, b, range);
  });
}

void multiply_backward(const MultiplyBackward& out, const float* dout, const float* a,
                       const float* b, int64_t n, CpuStream) {
  for_ranges("multiply backward", n, [&](Range range) {
    product_gradient(out.da, out.accumulate_da, dout, b, range);
    product_gradient(out.db, out.accumulate_db, dout, a, range);
  });
}

}  // namespace hotrow
#endif  // HWY_ONCE
