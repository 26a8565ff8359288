// kernels/linear.h on a tape.
#pragma once

#include "engine/tape.h"
#include "kernels/linear.h"

namespace hotrow {

// y (B, N) = act(x W^T + bias); x (B, K), w (N, K), bias (N, 1).
Var linear(Tape& tape, Var x, Var w, Var bias, Activation activation);
// Without bias and activation: a projection.
Var linear(Tape& tape, Var x, Var w);

}  // namespace hotrow
