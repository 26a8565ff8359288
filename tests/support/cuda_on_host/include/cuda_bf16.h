// Stands in for the CUDA header of this name: rounding to bf16.
#pragma once

#include "kernels/core/table_rows.h"

// NOLINTBEGIN: names that are CUDA's
struct alignas(2) __nv_bfloat16 {
  unsigned short __x;
};
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.__x; }
// To nearest, ties to even.
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return {hotrow::nearest_bf16(x).bits}; }
// NOLINTEND
