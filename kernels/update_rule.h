// The optimizers, as one value that dense parameters and embedding tables share.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/check.h"

namespace hotrow {

enum class UpdateKind {
  kSgd,             // w -= lr g
  kAdagrad,         // s += g^2;  w -= lr g / (sqrt(s) + eps), one s an element
  kRowwiseAdagrad,  // tables: one s a row, s += mean_d(g^2); dense parameters: as kAdagrad
  kAdam             // two moments with bias correction; tables: only the rows in the batch
};

// Attributes are double, as a program states them; a kernel derives its constants in double and
// rounds each of them to float once, so that 1 - beta2 keeps its digits.
struct UpdateRule {
  UpdateKind kind = UpdateKind::kSgd;
  double learning_rate = 0.01;  // already after the learning-rate policy of this step; >= 0
  double eps = 1e-10;           // added outside the root; >= 0. PyTorch: 1e-10 Adagrad, 1e-8 Adam
  double beta1 = 0.9;           // Adam only, in [0, 1)
  double beta2 = 0.999;         // Adam only, in [0, 1)
  int64_t step = 1;             // Adam and tables that round: counts from 1, this update included
};

// Throws InvalidArgument unless every attribute that `rule.kind` reads is in its range. `op` names
// the caller in the text.
inline void check_update_rule(const char* op, const UpdateRule& rule) {
  require(std::isfinite(rule.learning_rate) && rule.learning_rate >= 0,
          "[{}] bad learning rate: got {}, expected a finite number >= 0", op, rule.learning_rate);
  if (rule.kind == UpdateKind::kSgd) return;
  require(std::isfinite(rule.eps) && rule.eps >= 0,
          "[{}] bad eps: got {}, expected a finite number >= 0", op, rule.eps);
  if (rule.kind != UpdateKind::kAdam) return;
  require(rule.beta1 >= 0 && rule.beta1 < 1, "[{}] bad beta1: got {}, expected a number in [0, 1)",
          op, rule.beta1);
  require(rule.beta2 >= 0 && rule.beta2 < 1, "[{}] bad beta2: got {}, expected a number in [0, 1)",
          op, rule.beta2);
  require(rule.step >= 1, "[{}] bad step: got {}, expected >= 1 (steps count from 1)", op,
          rule.step);
}

}  // namespace hotrow
