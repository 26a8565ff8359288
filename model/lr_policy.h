// The learning rate at every step: linear warm-up, a hold, quadratic decay, a hold.
//
// With t the step, counted from 1, W warm-up steps, D the step where the decay starts, N decay
// steps:
//
//   t < W           base * (1 - (W - t) / W)
//   D <= t < D + N  max(1e-7, base * ((D + N - t) / N)^2)
//   otherwise       N == 0: base
//                   N > 0:  the last rate that one of the two lines above gave, or base where
//                           neither was in force yet
//
// So with a decay the hold after a warm-up is base * (W - 1) / W, not base: a quirk of the
// reference that is kept, because it changes the numbers of a healthy run. Where the reference has
// no rate to hold (W <= 1 and D > 1) and fails, base is held.
//
// All arithmetic is in double. Source: the class LRPolicyScheduler of dlrm_s_pytorch.py, whose
// rates the test records.
#pragma once

#include <cstdint>

namespace hotrow {

class LrPolicy {
 public:
  // Throws InvalidArgument if base is not finite or is negative, if a count is negative, or if the
  // decay starts before the warm-up ends ("Learning rate warmup must finish before the decay
  // starts").
  LrPolicy(double base, int64_t warmup_steps, int64_t decay_start_step, int64_t decay_steps);

  // The rate of the step-th update, step >= 1. A pure function: a resumed run needs no state.
  double at(int64_t step) const;

 private:
  double warmup(int64_t step) const;
  double decay(int64_t step) const;

  double base_;
  int64_t warmup_steps_, decay_start_, decay_steps_;
};

}  // namespace hotrow
