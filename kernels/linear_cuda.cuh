// What the sources of the CUDA version of kernels/linear.h share.
#pragma once

#include <cuda_bf16.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/table_rows.h"
#include "kernels/linear.h"

namespace hotrow {

constexpr int kLinearThreads = 256;  // of a block

// How the threads of blocks cover the vectors of a matrix: 2^shift of them lie side by side in a
// row, the others of a block in the rows below.
struct MatrixCover {
  int64_t rows, vectors;
  int shift;
  unsigned across;  // blocks side by side

  MatrixCover(int64_t rows_, int64_t vectors_) : rows(rows_), vectors(vectors_) {
    const auto needed = static_cast<uint64_t>(std::min<int64_t>(vectors, kLinearThreads));
    shift = std::countr_zero(std::bit_ceil(needed));
    across = static_cast<unsigned>(ceil_div(vectors, side()));
  }
  constexpr int side() const { return 1 << shift; }
  constexpr int height() const { return kLinearThreads >> shift; }

  // A thread's place in its block, and the vector that it has of its rows.
  __device__ int down() const { return static_cast<int>(threadIdx.x) >> shift; }
  __device__ int64_t vector() const {
    return int64_t{blockIdx.x % across} * side() + (static_cast<int>(threadIdx.x) & (side() - 1));
  }

  // For kernels whose threads have up to kRowsEach vectors below each other.
  static constexpr int kRowsEach = 4;
  LaunchShape shape() const {
    return {ceil_div(rows, height() * kRowsEach) * across, kLinearThreads};
  }
  // Calls body(i, row, vector) for the i-th of this thread's.
  template <class Body>
  __device__ void for_each(const Body& body) const {
    if (vector() >= vectors) return;
    const int64_t first = int64_t{blockIdx.x / across} * (height() * kRowsEach) + down();
#pragma unroll
    for (int i = 0; i < kRowsEach; ++i) {
      const int64_t row = first + i * height();
      if (row < rows) body(i, row, vector());
    }
  }
};

// Passes NaN on.
__device__ inline float activate(float z, Activation activation) {
  if (activation == Activation::kRelu) return z < 0 ? 0.0f : z;
  return activation == Activation::kSigmoid ? 1.0f / (1.0f + expf(-z)) : z;
}

// As kernels/core/precision.h has it.
__device__ inline Bf16 round_factor(float x) {
  const float kept = fabsf(x) < 0x1p-126f ? x * 0.0f : x;
  return {__bfloat16_as_ushort(__float2bfloat16_rn(kept))};
}

// sums (parts, columns): of each part of the rows of `in`, down its columns.
void sum_down(float* sums, const float* in, int64_t rows, int64_t columns, int64_t parts,
              CudaStream stream);

// A layer of one output. `sums`: memory for one_output_floats(B, K).
void one_output_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias,
                        Activation activation, Precision precision, CudaStream stream);
int64_t one_output_floats(int64_t B, int64_t K);
// All but db.
void one_output_backward(const LinearBackward& args, float* sums, CudaStream stream);

}  // namespace hotrow
