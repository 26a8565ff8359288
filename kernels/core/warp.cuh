// What the 32 threads of a warp do together. All 32 must call each function, none may have ended.
#pragma once

#include <cuda_runtime.h>

namespace hotrow {

constexpr int kWarpSize = 32;
constexpr unsigned kFullMask = 0xFFFFFFFFu;

// Blocks are one-dimensional.
__device__ __forceinline__ int lane() { return static_cast<int>(threadIdx.x % kWarpSize); }
__device__ __forceinline__ int warp_in_block() { return static_cast<int>(threadIdx.x / kWarpSize); }

// Folds groups of kLanes neighbours in halves, h = kLanes / 2, ..., 2, 1:
//   v[l] = fold(v[l], v[l ^ h])
// Every lane gets the result of its group, with the same bits where fold(a, b) == fold(b, a).
template <int kLanes = kWarpSize, class T, class Fold>
__device__ __forceinline__ T warp_fold(T v, Fold fold) {
  static_assert(kLanes >= 1 && kLanes <= kWarpSize && (kLanes & (kLanes - 1)) == 0);
#pragma unroll
  for (int h = kLanes / 2; h > 0; h /= 2) v = fold(v, __shfl_xor_sync(kFullMask, v, h));
  return v;
}

// In the order of warp_fold: a sum of 32 floats has one result, whichever lane asks.
template <int kLanes = kWarpSize, class T>
__device__ __forceinline__ T warp_sum(T v) {
  return warp_fold<kLanes>(v, [](T a, T b) { return a + b; });
}
// Of NaN and a number neither is promised.
template <int kLanes = kWarpSize, class T>
__device__ __forceinline__ T warp_min(T v) {
  return warp_fold<kLanes>(v, [](T a, T b) { return b < a ? b : a; });
}

}  // namespace hotrow
