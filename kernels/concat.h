// Concatenation of features side by side, the `cat` interaction of DLRM.
//
//   forward    out[b] = [part_0[b], part_1[b], ...]
//   backward   dpart_i[b] (+)= the columns of dout[b] that part i filled
//
// Shapes: part i is (B, width_i) with rows `stride` floats apart; out and dout (B, sum of widths),
// B = out.rows(); fp32.
// Aliasing: outputs overlap neither inputs nor each other. Parts may be the same memory, and so may
// gradients of which all but the first accumulate.
// Determinism: every element is copied or added alone, gradients in the order of the parts; bits do
// not depend on threads, and CUDA's are the CPU's.
// Cost: 8 B (sum of widths) bytes each way, 12 where gradients accumulate.
// Errors: InvalidArgument for shapes that do not fit; CUDA, whose parts lie on the device, trusts
// them.
// Source: own derivation.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace hotrow {

struct Part {
  const float* data;  // (B, width)
  int64_t stride;     // floats from one row to the next, >= width
  int64_t width;      // >= 0
};

struct PartGrad {
  float* data;      // (B, width)
  int64_t stride;   // floats from one row to the next, >= width
  int64_t width;    // >= 0
  bool accumulate;  // add to what is there instead of overwriting it
};

void concat_forward(Matrix out, std::span<const Part> parts, CpuStream stream);

void concat_backward(std::span<const PartGrad> dparts, ConstMatrix dout, CpuStream stream);

void concat_forward(Matrix out, std::span<const Part> parts, CudaStream stream);

void concat_backward(std::span<const PartGrad> dparts, ConstMatrix dout, CudaStream stream);

}  // namespace hotrow
