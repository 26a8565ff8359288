// Fully connected layer with its bias and activation.
//
//   forward    y = act(x W^T + bias)
//   backward   dz = dy * act'(y)              in place over dy
//              dw = dz^T x,  db = column sums of dz,  dx (+)= dz W
//
// Shapes: x (B, K), w (N, K), bias (N), y (B, N); all fp32, row-major, contiguous, none overlapping
// another.
// Determinism: as kernels/core/gemm.h; db sums down the rows.
// Cost: forward 2 B N K flop, backward 4 B N K flop; bytes 4 (B (N + K) + N K) per product.
// Errors: InvalidArgument for shapes that do not fit.
// Source: own derivation (chain rule).
#pragma once

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace hotrow {

enum class Activation { kNone, kRelu, kSigmoid };

// `bias.data` may be null: no bias then.
void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    CpuStream stream);

struct LinearBackward {
  Matrix dx;                   // null data: not wanted
  bool accumulate_dx = false;  // add to dx instead of overwriting it
  Matrix dw;                   // overwritten
  Vector db;                   // overwritten; null data: the layer has no bias
  Matrix dy;                   // in: d(loss)/dy; out: d(loss)/dz
  ConstMatrix y, x, w;         // y is not read for kNone
  Activation activation = Activation::kNone;
  float* dz_panels;  // scratch of linear_backward_scratch_floats()
};
int64_t linear_backward_scratch_floats(int64_t rows, int64_t n);
void linear_backward(const LinearBackward& args, CpuStream stream);

}  // namespace hotrow
