// Stands in for the CUDA header of this name: bf16 numbers and their conversions.
#pragma once

#include "kernels/core/table_rows.h"
#include "tests/support/cuda_on_host/device_functions.h"

// NOLINTBEGIN: names that are CUDA's
struct alignas(2) __nv_bfloat16 {
  unsigned short __x;
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;  // x in the lower half
};
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return {bits}; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.__x; }
inline float __bfloat162float(__nv_bfloat16 x) { return hotrow::to_float(hotrow::Bf16{x.__x}); }
// To nearest, ties to even.
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return {hotrow::nearest_bf16(x).bits}; }
inline __nv_bfloat16 __float2bfloat16(float x) { return __float2bfloat16_rn(x); }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
  return {__float2bfloat16_rn(x), __float2bfloat16_rn(y)};
}
// NOLINTEND
