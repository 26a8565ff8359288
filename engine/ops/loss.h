// kernels/loss.h on a tape: where gradients begin.
#pragma once

#include "engine/tape.h"
#include "kernels/loss.h"

namespace hotrow {

// Mean loss over the batch, a single number; p and target are (B, 1).
Var loss(Tape& tape, Var p, Var target, const LossConfig& config);

}  // namespace hotrow
