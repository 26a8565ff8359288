// The fold of kernels/embedding_bag.h by a group of lanes.
#pragma once

#include <cuda_runtime.h>

#include "kernels/core/vec.cuh"

namespace hotrow {

constexpr int kFold = 256;  // columns that one fold sums

// Half of the products that the fold of 0 < n <= kFold columns has; of more that of kFold. A
// quarter of it is how many lanes have work.
__host__ __device__ __forceinline__ int half_of_fold(int n) {
  int half = 8;
  while (2 * half < n && 2 * half < kFold) half *= 2;
  return half;
}

// What `half` numbers fold to, of which lane l has 4 l to 4 l + 3; in the first half / 4 lanes of a
// group. By all lanes of the mask, whose groups begin at multiples of their width.
__device__ __forceinline__ float fold_in_group(Float4 q, int half, unsigned mask) {
  for (int h = half / 2; h >= 4; h /= 2) {
#pragma unroll
    for (int i = 0; i < 4; ++i) q[i] += __shfl_xor_sync(mask, q[i], h / 4);
  }
  return (q[0] + q[2]) + (q[1] + q[3]);
}

}  // namespace hotrow
