// Stands in for the CUDA header of this name: fp16 numbers as floats.
#pragma once

#include "kernels/core/table_rows.h"

// NOLINTBEGIN: names that are CUDA's
struct alignas(2) __half {
  unsigned short __x;
};
inline __half __ushort_as_half(unsigned short bits) { return {bits}; }
inline float __half2float(__half x) { return hotrow::to_float(hotrow::Fp16{x.__x}); }
// NOLINTEND
