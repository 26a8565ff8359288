#include "kernels/loss.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

struct Term {
  double loss, gradient;
};

Term mse(double p, double target) { return {(p - target) * (p - target), 2 * (p - target)}; }

// std::max(x, limit) keeps a NaN in x.
Term bce(double p, double target) {
  const double log_p = std::max(std::log(p), -100.0);
  const double log_q = std::max(std::log1p(-p), -100.0);
  return {-target * log_p - (1 - target) * log_q, (p - target) / std::max(p * (1 - p), 1e-12)};
}

Term bce_with_logits(double z, double target) {
  const double e = std::exp(-std::abs(z));
  const double sigmoid = (z >= 0 ? 1 : e) / (1 + e);
  return {std::max(z, 0.0) - z * target + std::log1p(e), sigmoid - target};
}

Term term(double p, double target, const LossConfig& config) {
  switch (config.kind) {
    case LossKind::kMse:
      return mse(p, target);
    case LossKind::kBce:
      return bce(p, target);
    case LossKind::kWeightedBce: {
      const double weight = target >= 1 ? config.weight1 : config.weight0;
      const Term t = bce(p, target);
      return {weight * t.loss, weight * t.gradient};
    }
    case LossKind::kBceWithLogits:
      return bce_with_logits(p, target);
  }
  return {};
}

// The clamp of the loss threshold; both limits are floats, as p is. Without a threshold nothing is
// outside.
struct Clamp {
  float low = -INFINITY, high = INFINITY;

  explicit Clamp(double threshold) {
    if (threshold == 0) return;
    low = static_cast<float>(threshold);
    high = static_cast<float>(1 - threshold);
  }
  bool changes(float p) const { return p < low || p > high; }
  // The upper limit wins where a threshold above 1/2 puts it below the lower one.
  float operator()(float p) const {
    const float raised = p < low ? low : p;
    return raised > high ? high : raised;
  }
};

constexpr int64_t kTaskRows = 1024;
constexpr int64_t kMaxTasks = 64;

}  // namespace

void loss_forward_backward(float* loss, float* dp, const float* p, const float* target, int64_t B,
                           const LossConfig& config, CpuStream) {
  require(B >= 0, "[loss] bad number of samples: got {}, expected >= 0", B);
  require(config.threshold >= 0 && config.threshold < 1,
          "[loss] bad threshold: got {}, expected a number in [0, 1)", config.threshold);
  require(config.threshold == 0 || config.kind != LossKind::kBceWithLogits,
          "[loss] bad threshold: got {}, expected 0 (logits are not probabilities)",
          config.threshold);
  const Clamp clamp(config.threshold);
  const double scale = 1.0 / static_cast<double>(std::max<int64_t>(B, 1));
  const int64_t tasks = std::min(kMaxTasks, ceil_div(B, kTaskRows));
  std::array<double, kMaxTasks> sums{};
  parallel_for(tasks, [&](int64_t task) {
    const Range rows = part(B, tasks, task);
    double sum = 0;
    for (int64_t b = rows.begin; b < rows.end; ++b) {
      const bool outside = clamp.changes(p[b]);
      const Term t = term(clamp(p[b]), target[b], config);
      sum += t.loss;
      if (dp != nullptr) dp[b] = outside ? 0.0f : static_cast<float>(t.gradient * scale);
    }
    sums[static_cast<size_t>(task)] = sum;
  });
  double total = 0;
  for (int64_t task = 0; task < tasks; ++task) total += sums[static_cast<size_t>(task)];
  *loss = static_cast<float>(total * scale);
}

}  // namespace hotrow
