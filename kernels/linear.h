// Fully connected layer with its bias and activation.
//
//   forward    y = act(x W^T + bias)
//   backward   dz = dy * act'(y)
//              dw = dz^T x,  db = sums of dz over the batch,  dx (+)= dz W
//
// dz is kept as the panels of its transpose (kernels/core/gemm.h): both products read it as it
// lies, and a layer whose input is a ReLU's output writes that layer's dz in place of its own dx,
// so that nothing passes over a gradient twice. On CUDA dz is a row-major matrix (B, N). Shapes: x
// (B, K), w (N, K), bias (N), y (B, N); all fp32, row-major, contiguous, none overlapping another.
// With Precision::kBfloat16 the three products round their factors x, w and dz; all that is written
// stays fp32. Determinism: as kernels/core/gemm.h; db sums down the rows. Cost: forward 2 B N K
// flop, backward 4 B N K flop; bytes 4 (B (N + K) + N K) per product. Errors: InvalidArgument for
// shapes that do not fit. Source: own derivation (chain rule).
//
// CUDA: matrices are aligned to 16 bytes. The products are those of kernels/core/gemm_cuda.h, with
// its bits, and kFloat32 means what its GemmContext says; a layer of one output multiplies in fp32,
// or rounds to bf16, by kernels of its own, without the library. Factors to be rounded are copied,
// and so are x, w, dx and dw where K is no multiple of 4, with zeros behind each row. x and dx are
// not where both have whole_row(K) columns, of which those behind the K-th are 0 in x and
// mean nothing in dx. Bias and
// activation come after the product, in a pass over y: what the library can do of them on its way
// promises neither to pass NaN on nor to take any bias. db sums every 8th row (of narrow layers
// every 16th to 256th) in each of up to 64 parts of the batch, then those sums, then the parts; the
// gradient of an activation has the CPU's bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/gemm_cuda.h"
#include "kernels/core/precision.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace hotrow {

enum class Activation { kNone, kRelu, kSigmoid };

// `bias.data` may be null: no bias then.
void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    Precision precision, CpuStream stream);
void linear_forward(Matrix y, ConstMatrix x, ConstMatrix w, ConstVector bias, Activation activation,
                    Precision precision, GemmContext& gemms, CudaStream stream);

// Floats of the dz of a layer, and of the dx that stands for one; enough on every device.
int64_t linear_dz_floats(int64_t batch, int64_t width);

// The dz (B, N) of a layer; y is not read for kNone.
void activation_backward(float* dz, ConstMatrix dy, ConstMatrix y, Activation activation,
                         CpuStream stream);
// dz may be dy.
void activation_backward(float* dz, ConstMatrix dy, ConstMatrix y, Activation activation,
                         CudaStream stream);

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

// What both passes of a layer with K inputs, in x of so many columns, and N outputs take of the
// workspace of `gemms`, at least; some tens of MiB more serve the library best.
size_t linear_workspace_bytes(int64_t B, int64_t x_columns, int64_t K, int64_t N,
                              Precision precision);
void linear_backward(const LinearBackward& args, GemmContext& gemms, CudaStream stream);

}  // namespace hotrow
