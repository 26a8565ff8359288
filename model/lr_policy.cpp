#include "model/lr_policy.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr double kMinDecayedRate = 1e-7;

void check_count(const char* name, int64_t count) {
  require(count >= 0, "[--{}] out of range: got {}, expected an integer of at least 0", name,
          count);
}

}  // namespace

LrPolicy::LrPolicy(double base, int64_t warmup_steps, int64_t decay_start_step, int64_t decay_steps)
    : base_(base),
      warmup_steps_(warmup_steps),
      decay_start_(decay_start_step),
      decay_steps_(decay_steps) {
  require(std::isfinite(base) && base >= 0,
          "[--learning-rate] out of range: got {}, expected a finite number of at least 0", base);
  check_count("lr-num-warmup-steps", warmup_steps);
  check_count("lr-decay-start-step", decay_start_step);
  check_count("lr-num-decay-steps", decay_steps);
  require(
      decay_start_step >= warmup_steps,
      "[--lr-decay-start-step] Learning rate warmup must finish before the decay starts: got {}, "
      "expected at least the {} steps of --lr-num-warmup-steps (also where nothing decays)",
      decay_start_step, warmup_steps);
}

double LrPolicy::warmup(int64_t step) const {
  const auto w = static_cast<double>(warmup_steps_);
  return base_ * (1.0 - (w - static_cast<double>(step)) / w);
}

double LrPolicy::decay(int64_t step) const {
  const auto n = static_cast<double>(decay_steps_);
  const double scale = (n - static_cast<double>(step - decay_start_)) / n;
  return std::max(kMinDecayedRate, base_ * (scale * scale));
}

double LrPolicy::at(int64_t step) const {
  require(step >= 1, "[LrPolicy::at] step out of range: got {}, expected at least 1", step);
  if (step < warmup_steps_) return warmup(step);
  if (decay_steps_ == 0) return base_;
  // Steps since the decay began; a difference cannot overflow where decay_start + decay_steps
  // could.
  const int64_t decayed = step - decay_start_;
  if (decayed >= 0) return decay(decay_start_ + std::min(decayed, decay_steps_ - 1));
  return warmup_steps_ > 1 ? warmup(warmup_steps_ - 1) : base_;
}

}  // namespace hotrow
