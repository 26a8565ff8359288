// kernels/linear.h on a tape.
#pragma once

#include <vector>

#include "engine/tape.h"
#include "kernels/linear.h"

namespace hotrow {

// y (B, N) = act(x W^T + bias); x (B, K), w (N, K), bias (N, 1).
Var linear(Tape& tape, Var x, Var w, Var bias, Activation activation,
           Precision precision = Precision::kFloat32);
// Without bias and activation: a projection.
Var linear(Tape& tape, Var x, Var w, Precision precision = Precision::kFloat32);

struct LinearLayer {
  Var w, bias;
};
// One layer after the other, with ReLU after all but the last. What lies between them is nobody
// else's, so that gradients pass from layer to layer without the detour over the outputs'.
Var linear_chain(Tape& tape, Var x, const std::vector<LinearLayer>& layers, Activation last,
                 Precision precision = Precision::kFloat32);

}  // namespace hotrow
