// Fully connected layer with its bias and activation.
//
//   forward    y = act(x W^T + bias)
//   backward   dz = dy * act'(y)
//              dw = dz^T x,  db = sums of dz over the batch,  dx (+)= dz W
//
// dz is kept as the panels of its transpose (kernels/core/gemm.h): both products read it as it
// lies, and a layer whose input is a ReLU's output writes that layer's dz in place of its own dx,
// so that nothing passes over a gradient twice. Shapes: x (B, K), w (N, K), bias (N), y (B, N); all
// fp32, row-major, contiguous, none overlapping another. With Precision::kBfloat16 the three
// products round their factors x, w and dz; all that is written stays fp32. Determinism: as
// kernels/core/gemm.h; db sums down the rows. Cost: forward 2 B N K flop, backward 4 B N K flop;
// bytes 4 (B (N + K) + N K) per product. Errors: InvalidArgument for shapes that do not fit.
// Source: own derivation (chain rule).
#pragma once

#include "kernels/core/precision.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace hotrow {

enum class Activation { kNone, kRelu, kSigmoid };

// `bias.data` may be null: no bias then.
void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    Precision precision, CpuStream stream);

// Floats of the dz of a layer, and of the dx that stands for one.
int64_t linear_dz_floats(int64_t batch, int64_t width);

// The dz (B, N) of a layer; y is not read for kNone.
void activation_backward(float* dz, ConstMatrix dy, ConstMatrix y, Activation activation,
                         CpuStream stream);

struct LinearBackward {
  Matrix dx;                   // null data: not wanted
  bool accumulate_dx = false;  // add to dx instead of overwriting it
  bool dx_is_dz = false;       // x is a ReLU's output: dx becomes the dz of the layer that gave it
  Matrix dw;                   // overwritten
  Vector db;                   // overwritten; null data: the layer has no bias
  const float* dz;
  ConstMatrix x, w;
  Precision precision = Precision::kFloat32;
};
void linear_backward(const LinearBackward& args, CpuStream stream);

}  // namespace hotrow
