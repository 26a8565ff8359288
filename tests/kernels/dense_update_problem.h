// Parameters for the tests of kernels/dense_update.h.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/dense_update.h"
#include "tests/support/bounds.h"

namespace hotrow::test {

inline UpdateRule dense_rule(UpdateKind kind) {
  return {.kind = kind,
          .learning_rate = 0.03,
          .eps = kind == UpdateKind::kAdam ? 1e-8 : 1e-10,
          .step = 3};
}

struct DenseProblem {
  std::vector<float> w, state, g;

  DenseProblem(UpdateKind kind, int64_t n)
      : w(test_floats(n, 1)),
        state(test_floats(dense_update_state_size(kind, n), 2)),
        g(test_floats(n, 3)) {
    // Sums of squares are not negative; Adam's first half may be.
    for (size_t i = kind == UpdateKind::kAdam ? w.size() : 0; i < state.size(); ++i) {
      state[i] = std::abs(state[i]);
    }
  }
  int64_t size() const { return std::ssize(w); }
  void update_on_cpu(const UpdateRule& rule) {
    dense_update(w.data(), state.data(), g.data(), size(), rule, CpuStream{});
  }
};

}  // namespace hotrow::test
