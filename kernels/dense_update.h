// One optimizer step over a flat block of dense parameters.
//
//   SGD      w = w - lr g
//   Adagrad  s = s + g g;  w = w - (lr g) / (sqrt(s) + eps)      also for kRowwiseAdagrad
//   Adam     m = m + (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) (g g)
//            w = w - (lr / (1 - beta1^t) m) / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//
// Shapes: w and g (n); state (n) s, or (2, n) m then v, null for SGD; all contiguous fp32. The
// state starts as zeros. Arithmetic: constants are derived in double and rounded to float once; `s
// + g g`, `w - lr g` and the outer sums of m and v are fused multiply-adds where the machine has
// them; all other operations round one by one in the order written, as PyTorch's do.
// Aliasing: none overlaps another; w and state are updated in place.
// Determinism: every element is computed alone; bits do not depend on threads.
// Cost: bytes SGD 12 n, Adagrad 20 n, Adam 28 n.
// Errors: InvalidArgument for a rule out of range (check_update_rule), a negative n, a missing
// state.
// Source: Duchi, Hazan and Singer (2011); Kingma and Ba (2015), with the order of torch.optim.
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"
#include "kernels/update_rule.h"

namespace hotrow {

// Floats of state behind n parameters: 0, n or 2 n.
int64_t dense_update_state_size(UpdateKind kind, int64_t n);

void dense_update(float* w, float* state, const float* g, int64_t n, const UpdateRule& rule,
                  CpuStream stream);

// On a GPU with the same bits (NaN stays NaN, of whatever bits); 16 bytes at once where all
// pointers are multiples of that, v of Adam's state among them, so where n is one of 4. constants:
// on the device, of a rule of this kind; see update_constants(), which checks it.
void dense_update(float* w, float* state, const float* g, int64_t n, UpdateKind kind,
                  const UpdateConstants* constants, CudaStream stream);

// Throws InvalidArgument for a negative n or a missing state: what both check before they start.
void check_dense_update(UpdateKind kind, const float* state, int64_t n);

}  // namespace hotrow
