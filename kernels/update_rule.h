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

// What the arithmetic reads of a rule. On a GPU it lies in device memory, where the host writes
// that of a step before it queues the step: a captured graph then follows learning rate and step.
struct UpdateConstants {
  float rate = 0;  // learning rate
  float eps = 0;
  // Of tables: the learning rate, for Adam lr sqrt(1 - beta2^step) / (1 - beta1^step).
  float table_rate = 0;
  // Adam only.
  float blend1 = 0, blend2 = 0;  // 1 - beta
  float keep2 = 0;               // beta2
  float dense_rate = 0;          // lr / (1 - beta1^step)
  float dense_root2 = 0;         // sqrt(1 - beta2^step)
  uint64_t step = 0;
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

// The constants of a rule; throws as check_update_rule.
inline UpdateConstants update_constants(const char* op, const UpdateRule& rule) {
  check_update_rule(op, rule);
  UpdateConstants c;
  c.rate = c.table_rate = static_cast<float>(rule.learning_rate);
  c.eps = static_cast<float>(rule.eps);
  c.step = static_cast<uint64_t>(rule.step);
  if (rule.kind != UpdateKind::kAdam) return c;
  const double step = static_cast<double>(rule.step);
  const double rest1 = 1 - std::pow(rule.beta1, step);
  const double root2 = std::sqrt(1 - std::pow(rule.beta2, step));
  c.blend1 = static_cast<float>(1 - rule.beta1);
  c.blend2 = static_cast<float>(1 - rule.beta2);
  c.keep2 = static_cast<float>(rule.beta2);
  c.dense_rate = static_cast<float>(rule.learning_rate / rest1);
  c.dense_root2 = static_cast<float>(root2);
  c.table_rate = static_cast<float>(rule.learning_rate * (root2 / rest1));
  return c;
}

}  // namespace hotrow
