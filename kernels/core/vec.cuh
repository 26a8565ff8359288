// Sixteen bytes at a time, and the elements of tables as floats.
//
// Loads and stores take memory of any kind that is aligned to 16 bytes; the streaming one takes
// global memory, which then leaves the caches first; the read_only one takes global memory that
// nobody writes while the kernel runs.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/core/async.cuh"
#include "kernels/core/table_rows.h"

namespace hotrow {

__host__ __device__ __forceinline__ bool is_aligned16(const void* p) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0;
}

struct alignas(16) Float4 {
  float v[4];
  __device__ __forceinline__ float& operator[](int i) { return v[i]; }
  __device__ __forceinline__ const float& operator[](int i) const { return v[i]; }
};

__device__ __forceinline__ Float4 from_float4(float4 x) { return {{x.x, x.y, x.z, x.w}}; }
__device__ __forceinline__ float4 to_float4(const Float4& x) {
  return make_float4(x[0], x[1], x[2], x[3]);
}

__device__ __forceinline__ Float4 load4(const float* p) {
  return from_float4(*reinterpret_cast<const float4*>(aligned16(p)));
}
__device__ __forceinline__ Float4 load4_read_only(const float* p) {
  return from_float4(__ldg(reinterpret_cast<const float4*>(aligned16(p))));
}
__device__ __forceinline__ void store4(float* p, const Float4& x) {
  *reinterpret_cast<float4*>(aligned16(p)) = to_float4(x);
}
__device__ __forceinline__ void store4_streaming(float* p, const Float4& x) {
  __stcs(reinterpret_cast<float4*>(aligned16(p)), to_float4(x));
}

// One element of a table, exactly.
__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(Bf16 x) { return __uint_as_float(uint32_t{x.bits} << 16); }
__device__ __forceinline__ float widen(Fp16 x) { return __half2float(__ushort_as_half(x.bits)); }

// A float of a kSplitBf16 table from its halves, and the halves of a float.
__device__ __forceinline__ float join_halves(Bf16 high, uint16_t low) {
  return __uint_as_float(uint32_t{high.bits} << 16 | low);
}
__device__ __forceinline__ Bf16 high_half(float x) {
  return {static_cast<uint16_t>(__float_as_uint(x) >> 16)};
}
__device__ __forceinline__ uint16_t low_half(float x) {
  return static_cast<uint16_t>(__float_as_uint(x));
}

}  // namespace hotrow
