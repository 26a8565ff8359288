// Losses in double, from their definitions.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/loss.h"
#include "tests/support/bounds.h"

namespace hotrow::reference {

// The loss of one sample, without the limits that the kernel puts on logarithms.
inline double sample_loss(double p, double target, const LossConfig& config) {
  const double t = config.threshold;
  if (t > 0) p = std::min(std::max(p, t), 1 - t);
  if (config.kind == LossKind::kMse) return std::pow(p - target, 2);
  if (config.kind == LossKind::kBceWithLogits) p = 1 / (1 + std::exp(-p));
  const double entropy = -(target * std::log(p) + (1 - target) * std::log(1 - p));
  if (config.kind != LossKind::kWeightedBce) return entropy;
  return entropy * (target < 1 ? config.weight0 : config.weight1);
}

struct LossAndGradient {
  test::Exact loss;
  std::vector<test::Exact> dp;
};

// The gradient by the chain rule through the logistic function's inverse: d ln p = dp / p.
inline LossAndGradient loss(const std::vector<float>& p, const std::vector<float>& target,
                            const LossConfig& config) {
  LossAndGradient out;
  const double B = static_cast<double>(p.size());
  const double t = config.threshold;
  for (size_t b = 0; b < p.size(); ++b) {
    out.loss.add(sample_loss(p[b], target[b], config) / B);
    const double T = target[b];
    test::Exact g;
    if (config.kind == LossKind::kMse) {
      g.add(2 * p[b] / B);
      g.add(-2 * T / B);
    } else if (config.kind == LossKind::kBceWithLogits) {
      g.add(1 / (1 + std::exp(-double(p[b]))) / B);
      g.add(-T / B);
    } else {
      const double weight = config.kind == LossKind::kBce ? 1
                            : T < 1                       ? config.weight0
                                                          : config.weight1;
      g.add(-weight * T / p[b] / B);
      g.add(weight * (1 - T) / (1.0 - p[b]) / B);
    }
    out.dp.push_back(t > 0 && (p[b] < t || p[b] > 1 - t) ? test::Exact{} : g);
  }
  return out;
}

}  // namespace hotrow::reference
