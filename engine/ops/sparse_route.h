// kernels/sparse_route.h on a tape.
#pragma once

#include "engine/tape.h"

namespace hotrow {

struct QuotientRemainder {
  Var quotient, remainder;  // (N, 1) ids, over the bags of the feature that they come from
};

// ids / collisions and ids % collisions. No gradient flows through ids.
QuotientRemainder quotient_remainder(Tape& tape, Var ids, int64_t collisions);

}  // namespace hotrow
