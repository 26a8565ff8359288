// Stands in for the CUDA header of this name: fp16 numbers and their conversions.
#pragma once

#include "kernels/core/table_rows.h"
#include "tests/support/cuda_on_host/device_functions.h"

// NOLINTBEGIN: names that are CUDA's
struct alignas(2) __half {
  unsigned short __x;
};
struct alignas(4) __half2 {
  __half x, y;  // x in the lower half
};
inline __half __ushort_as_half(unsigned short bits) { return {bits}; }
inline unsigned short __half_as_ushort(__half x) { return x.__x; }
inline float __half2float(__half x) { return hotrow::to_float(hotrow::Fp16{x.__x}); }
// To nearest, ties to even.
inline __half __float2half_rn(float x) { return {hotrow::nearest_fp16(x).bits}; }
inline __half __float2half(float x) { return __float2half_rn(x); }
inline __half2 __floats2half2_rn(float x, float y) {
  return {__float2half_rn(x), __float2half_rn(y)};
}
// NOLINTEND
