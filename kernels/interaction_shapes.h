// The checks of kernels/interaction.h that need no look at a descriptor: of every backend, before
// any other.
#pragma once

#include <cstdint>

#include "kernels/core/check.h"
#include "kernels/interaction.h"

namespace hotrow {

// z (or dz) has `cols` columns, of which the last, at most `padding`, may belong to no pair. Throws
// InvalidArgument.
inline void check_interaction_shapes(const char* op, int64_t cols, int64_t F, int64_t D,
                                     bool self_interaction, int64_t padding = 0) {
  require(F >= 1, "[{}] no features: got 0, expected at least 1", op);
  require(D >= 1, "[{}] bad feature width: got {}, expected at least 1", op, D);
  const int64_t expected = D + interaction_pairs(F, self_interaction);
  require(cols >= expected && cols - expected <= padding,
          "[{}] wrong number of columns: got {}, expected {} ({} features of width {})", op, cols,
          expected, F, D);
}

inline void check_gradient_count(size_t gradients, size_t features) {
  require(gradients == features,
          "[interaction backward] wrong number of gradients: got {}, expected {}", gradients,
          features);
}

}  // namespace hotrow
