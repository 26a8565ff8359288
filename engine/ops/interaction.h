// Feature interaction on a tape: kernels/interaction.h and kernels/concat.h.
#pragma once

#include <vector>

#include "engine/tape.h"

namespace hotrow {

// Every part is (B, k D): k features of dimension D side by side, as embedding_bag leaves them.
// Features count in order of parts; feature 0 is the bottom MLP's output and is passed through.
Var dot_interaction(Tape& tape, std::vector<Var> parts, int64_t dim, bool self_interaction);

// [part_0, part_1, ...], (B, sum of widths).
Var concat(Tape& tape, std::vector<Var> parts);

}  // namespace hotrow
