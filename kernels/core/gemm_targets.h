// The instruction sets that products are compiled for, the same in fp32 and bf16: both cut panels
// by the vectors of the one that is chosen. Include it before hwy/foreach_target.h.
#pragma once

// Register tiles are arrays of vectors, which vectors without a fixed size cannot form. Those
// between the oldest and AVX2 would add compile time for machines that nobody trains on.
#define HWY_DISABLED_TARGETS \
  (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
