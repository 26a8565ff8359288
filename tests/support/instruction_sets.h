// Kernels are compiled once an instruction set; tests run each that this build holds and this
// machine has, not only the best one.
#pragma once

#include <gtest/gtest.h>

#include <hwy/highway.h>

namespace hotrow::test {

template <class Body>
void for_each_instruction_set(const Body& body) {
  for (int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

// Only those with a fused multiply-add, which the kernels of one bit pattern need.
template <class Body>
void for_each_fma_instruction_set(const Body& body) {
#if HWY_ARCH_X86
  constexpr int64_t kWithFma = HWY_AVX2 | HWY_AVX3;
#else
  constexpr int64_t kWithFma = HWY_ATTAINABLE_TARGETS;
#endif
  for (int64_t left = hwy::SupportedTargets() & kWithFma; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    body();
    hwy::SetSupportedTargetsForTest(0);
  }
}

}  // namespace hotrow::test
