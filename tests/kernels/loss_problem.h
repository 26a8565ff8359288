// Batches for the tests of kernels/loss.h on all backends.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/loss.h"

namespace hotrow::test {

inline std::vector<LossConfig> loss_configs() {
  return {{LossKind::kMse},
          {LossKind::kMse, 0.15},
          {LossKind::kBce},
          {LossKind::kBce, 0.15},
          {LossKind::kBce, 0.7},
          {LossKind::kWeightedBce, 0, 0.3f, 1.7f},
          {LossKind::kWeightedBce, 0.02, 0.3f, 1.7f},
          {LossKind::kBceWithLogits}};
}

// Probabilities inside (0, 1), or logits of both signs; labels 0 and 1, some of them soft.
struct LossProblem {
  std::vector<float> p, target;

  LossProblem(const LossConfig& config, int64_t B) {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> u(0.0005f, 0.9995f);
    for (int64_t b = 0; b < B; ++b) {
      const float x = u(random);
      p.push_back(config.kind == LossKind::kBceWithLogits ? 12 * std::log(x / (1 - x)) / 7 : x);
      target.push_back(b % 5 == 4 ? u(random) : static_cast<float>(random() % 2));
    }
  }
};

// What went wrong must show; run(p, target, config) has a loss and dp.
template <class Run>
void expect_nan_shows(const Run& run) {
  using Floats = std::vector<float>;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const LossConfig& config : loss_configs()) {
    const auto of_nan = run(Floats{0.5f, nan, 0.5f}, Floats{0, 1, 1}, config);
    EXPECT_TRUE(std::isnan(of_nan.loss));
    EXPECT_TRUE(std::isnan(of_nan.dp[1]));
    EXPECT_TRUE(std::isnan(run(Floats{0.5f, 0.5f}, Floats{0, nan}, config).loss));
  }
  for (float impossible : {-0.25f, 1.25f}) {
    EXPECT_TRUE(std::isnan(run(Floats{impossible}, Floats{0.5f}, LossConfig{LossKind::kBce}).loss));
  }
}

}  // namespace hotrow::test
