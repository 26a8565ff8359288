// A chain of fully connected layers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/tape.h"
#include "kernels/linear.h"

namespace hotrow {

// ReLU after every layer but the last, which gets `last`. Layer i has the parameters NAME.2i.weight
// and NAME.2i.bias: the reference counts activations as layers of their own.
Var mlp(Tape& tape, const std::string& name, Var x, const std::vector<int64_t>& sizes,
        Activation last, Precision precision);

}  // namespace hotrow
