#include "kernels/loss.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

double weight(double target, const LossConfig& config) {
  return target >= 1 ? config.weight1 : config.weight0;
}

// std::max(x, limit) keeps a NaN in x.
double cross_entropy(double p, double target) {
  const double log_p = std::max(std::log(p), -100.0);
  const double log_q = std::max(std::log1p(-p), -100.0);
  return -target * log_p - (1 - target) * log_q;
}

double cross_entropy_gradient(double p, double target) {
  return (p - target) / std::max(p * (1 - p), 1e-12);
}

double value(double p, double target, const LossConfig& config) {
  switch (config.kind) {
    case LossKind::kMse:
      return (p - target) * (p - target);
    case LossKind::kBce:
      return cross_entropy(p, target);
    case LossKind::kWeightedBce:
      return weight(target, config) * cross_entropy(p, target);
    case LossKind::kBceWithLogits:
      return std::max(p, 0.0) - p * target + std::log1p(std::exp(-std::abs(p)));
  }
  return 0;
}

double gradient(double p, double target, const LossConfig& config) {
  switch (config.kind) {
    case LossKind::kMse:
      return 2 * (p - target);
    case LossKind::kBce:
      return cross_entropy_gradient(p, target);
    case LossKind::kWeightedBce:
      return weight(target, config) * cross_entropy_gradient(p, target);
    case LossKind::kBceWithLogits: {
      const double e = std::exp(-std::abs(p));
      return (p >= 0 ? 1 : e) / (1 + e) - target;
    }
  }
  return 0;
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

int64_t num_tasks(int64_t B) { return std::min(kMaxTasks, ceil_div(B, kTaskRows)); }

double mean_scale(int64_t B) { return 1.0 / static_cast<double>(std::max<int64_t>(B, 1)); }

void check_arguments(int64_t B, const LossConfig& config) {
  require(B >= 0, "[loss] bad number of samples: got {}, expected >= 0", B);
  require(config.threshold >= 0 && config.threshold < 1,
          "[loss] bad threshold: got {}, expected a number in [0, 1)", config.threshold);
  require(config.threshold == 0 || config.kind != LossKind::kBceWithLogits,
          "[loss] bad threshold: got {}, expected 0 (logits are not probabilities)",
          config.threshold);
}

}  // namespace

void loss_forward(float* loss, const float* p, const float* target, int64_t B,
                  const LossConfig& config, CpuStream) {
  check_arguments(B, config);
  const Clamp clamp(config.threshold);
  const int64_t tasks = num_tasks(B);
  std::array<double, kMaxTasks> sums{};
  parallel_for(tasks, [&](int64_t task) {
    const Range rows = part(B, tasks, task);
    double sum = 0;
    for (int64_t b = rows.begin; b < rows.end; ++b) sum += value(clamp(p[b]), target[b], config);
    sums[static_cast<size_t>(task)] = sum;
  });
  double total = 0;
  for (int64_t task = 0; task < tasks; ++task) total += sums[static_cast<size_t>(task)];
  *loss = static_cast<float>(total * mean_scale(B));
}

void loss_backward(float* dp, const float* p, const float* target, int64_t B,
                   const LossConfig& config, CpuStream) {
  check_arguments(B, config);
  const Clamp clamp(config.threshold);
  const double scale = mean_scale(B);
  const int64_t tasks = num_tasks(B);
  parallel_for(tasks, [&](int64_t task) {
    const Range rows = part(B, tasks, task);
    for (int64_t b = rows.begin; b < rows.end; ++b) {
      const bool outside = clamp.changes(p[b]);
      dp[b] = outside ? 0.0f : static_cast<float>(gradient(clamp(p[b]), target[b], config) * scale);
    }
  });
}

}  // namespace hotrow
