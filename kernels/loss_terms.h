// What all backends of kernels/loss.h share: the checks, and one sample's part in double. Kernels
// call what is constexpr.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/core/check.h"
#include "kernels/loss.h"

namespace hotrow {

// Throws InvalidArgument.
inline void check_loss_arguments(int64_t B, const LossConfig& config) {
  require(B >= 0, "[loss] bad number of samples: got {}, expected >= 0", B);
  require(config.threshold >= 0 && config.threshold < 1,
          "[loss] bad threshold: got {}, expected a number in [0, 1)", config.threshold);
  require(config.threshold == 0 || config.kind != LossKind::kBceWithLogits,
          "[loss] bad threshold: got {}, expected 0 (logits are not probabilities)",
          config.threshold);
}

inline double mean_scale(int64_t B) { return 1.0 / static_cast<double>(std::max<int64_t>(B, 1)); }

// The clamp of the loss threshold; both limits are floats, as p is. Without a threshold nothing is
// outside.
struct LossClamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  explicit LossClamp(double threshold) {
    if (threshold == 0) return;
    low = static_cast<float>(threshold);
    high = static_cast<float>(1 - threshold);
  }
  constexpr bool changes(float p) const { return p < low || p > high; }
  // The upper limit wins where a threshold above 1/2 puts it below the lower one.
  constexpr float operator()(float p) const {
    const float raised = p < low ? low : p;
    return raised > high ? high : raised;
  }
};

constexpr double loss_weight(double target, const LossConfig& config) {
  if (config.kind != LossKind::kWeightedBce) return 1;
  return target >= 1 ? config.weight1 : config.weight0;
}

// std::max(x, limit) keeps a NaN in x.
constexpr double loss_value(double p, double target, const LossConfig& config) {
  if (config.kind == LossKind::kMse) return (p - target) * (p - target);
  if (config.kind == LossKind::kBceWithLogits) {
    return std::max(p, 0.0) - p * target + std::log1p(std::exp(-std::abs(p)));
  }
  const double log_p = std::max(std::log(p), -100.0), log_q = std::max(std::log1p(-p), -100.0);
  return loss_weight(target, config) * (-target * log_p - (1 - target) * log_q);
}

constexpr double loss_slope(double p, double target, const LossConfig& config) {
  if (config.kind == LossKind::kMse) return 2 * (p - target);
  if (config.kind == LossKind::kBceWithLogits) {
    const double e = std::exp(-std::abs(p));
    return (p >= 0 ? 1 : e) / (1 + e) - target;
  }
  return loss_weight(target, config) * ((p - target) / std::max(p * (1 - p), 1e-12));
}

// dp of one sample; `scale` is that of the mean.
constexpr float loss_gradient(float p, float target, const LossConfig& config,
                              const LossClamp& clamp, double scale) {
  if (clamp.changes(p)) return 0;
  return static_cast<float>(loss_slope(clamp(p), target, config) * scale);
}

}  // namespace hotrow
