// kernels/elementwise.h on a tape.
#pragma once

#include "engine/tape.h"

namespace hotrow {

Var multiply(Tape& tape, Var a, Var b);
Var add(Tape& tape, Var a, Var b);

}  // namespace hotrow
