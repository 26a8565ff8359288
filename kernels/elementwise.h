// Element-wise sums and products: the glue of compositions such as the quotient-remainder trick.
//
//   copy               out (+)= a
//   add                out = a + b
//   multiply           out = a * b
//   multiply_backward  da (+)= dout * b,  db (+)= dout * a
//
// Shapes: n >= 0 contiguous fp32 elements each. An `accumulate` flag adds to the output (with one
// rounding where the machine has fused multiply-add) instead of overwriting it.
// Aliasing: `out` of add and multiply may be `a` or `b`; da and db may be the same memory when db
// accumulates, for a product of a value with itself. Nothing else overlaps.
// Determinism: every element is computed alone; bits do not depend on threads, and CUDA's are those
// of a CPU with fused multiply-add.
// Cost: one pass over the operands, 4 n bytes each.
// Errors: InvalidArgument for a negative n.
// Source: own derivation.
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"

namespace hotrow {

void copy(float* out, const float* a, int64_t n, bool accumulate, CpuStream stream);
void add(float* out, const float* a, const float* b, int64_t n, CpuStream stream);
void multiply(float* out, const float* a, const float* b, int64_t n, CpuStream stream);

struct MultiplyBackward {
  float* da;  // null: not wanted
  bool accumulate_da;
  float* db;  // null: not wanted
  bool accumulate_db;
};
void multiply_backward(const MultiplyBackward& out, const float* dout, const float* a,
                       const float* b, int64_t n, CpuStream stream);

void copy(float* out, const float* a, int64_t n, bool accumulate, CudaStream stream);
void add(float* out, const float* a, const float* b, int64_t n, CudaStream stream);
void multiply(float* out, const float* a, const float* b, int64_t n, CudaStream stream);
void multiply_backward(const MultiplyBackward& out, const float* dout, const float* a,
                       const float* b, int64_t n, CudaStream stream);

}  // namespace hotrow
