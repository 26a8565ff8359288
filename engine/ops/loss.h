// kernels/loss.h on a tape: where gradients begin.
#pragma once

#include "engine/tape.h"
#include "kernels/loss.h"

namespace hotrow {

// The batch holds `mini_batches` mini-batches side by side, each of tape.batch() / mini_batches
// samples but for the last live one, which may be shorter. Result: (mini_batches, 1), the mean loss
// of each, 0 where no sample lives. Gradients are those of their sum, so every sample counts with
// 1 / (live samples of its own mini-batch). p and target are (B, 1). Throws InvalidArgument if the
// batch cannot be cut so.
Var loss(Tape& tape, Var p, Var target, const LossConfig& config, int64_t mini_batches = 1);

}  // namespace hotrow
