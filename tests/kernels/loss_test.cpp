#include "kernels/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/kernels/loss_problem.h"
#include "tests/reference/loss_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using Floats = std::vector<float>;
using test::loss_configs;
using Problem = test::LossProblem;

struct Result {
  float loss = -1;
  Floats dp;
};

Result run(const Floats& p, const Floats& target, const LossConfig& config) {
  Result r;
  r.dp.resize(p.size(), 77.0f);
  const auto B = static_cast<int64_t>(p.size());
  loss_forward(&r.loss, p.data(), target.data(), B, config, CpuStream{});
  loss_backward(r.dp.data(), p.data(), target.data(), B, config, CpuStream{});
  return r;
}

TEST(Loss, MatchesDouble) {
  for (const LossConfig& config : loss_configs()) {
    for (int64_t B : {1, 2, 7, 128, 1025, 70001}) {
      const Problem problem(config, B);
      const Result got = run(problem.p, problem.target, config);
      const auto want = reference::loss(problem.p, problem.target, config);
      EXPECT_TRUE(test::within_bound(std::vector{got.loss}, std::vector{want.loss}, 1));
      EXPECT_TRUE(test::within_bound(got.dp, want.dp, 1))
          << "kind " << int(config.kind) << " threshold " << config.threshold << " B " << B;
    }
  }
}

TEST(Loss, ReferenceGradientMatchesCentralDifferences) {
  for (const LossConfig& config : loss_configs()) {
    const Floats p = {0.03f, 0.21f, 0.5f, 0.83f, 0.44f}, target = {0, 1, 0.25f, 1, 0};
    const auto want = reference::loss(p, target, config);
    const auto f = [&](std::span<const double> x) {
      double sum = 0;
      for (size_t b = 0; b < x.size(); ++b) {
        sum += reference::sample_loss(x[b], target[b], config) / 5;
      }
      return sum;
    };
    const std::vector<double> x(p.begin(), p.end());
    for (size_t b = 0; b < x.size(); ++b) {
      // ln p has a third derivative of 2 / p^3: up to 2e4 per sample here, times h^2 / 6.
      EXPECT_NEAR(want.dp[b].value, test::central_difference(f, x, b), 4e-5) << b;
    }
  }
}

// Recorded from PyTorch 2.14 (torch.nn.functional, torch.clamp; weighted: mean of w[T] * bce) with
// p and T below; the gradients are those of torch.autograd.
struct Recorded {
  LossConfig config;
  float loss;
  Floats dp;
};

void expect_recorded(const Floats& p, const Floats& target, const Recorded& want) {
  const Result got = run(p, target, want.config);
  EXPECT_NEAR(got.loss, want.loss, 4e-7 * want.loss);
  for (size_t b = 0; b < p.size(); ++b) {
    // torch computes p - T and p (1 - p) in float: a few roundings, and half an ulp of a
    // probability where the difference cancels.
    const double half_ulp = 0x1p-24 / static_cast<double>(p.size());
    EXPECT_NEAR(got.dp[b], want.dp[b], 5e-7 * std::abs(want.dp[b]) + half_ulp)
        << "kind " << int(want.config.kind) << " sample " << b;
  }
}

TEST(Loss, ProbabilitiesEqualTorch) {
  const Floats p = {0.1f, 0.9f, 0.25f, 0.0f, 1.0f, 1.0f, 0.0f, 0.6180339f};
  const Floats target = {0, 1, 0, 0, 1, 0, 1, 1};
  const Recorded all[] = {
      {{LossKind::kMse},
       0.278549761f,
       {0.0250000004f, -0.025000006f, 0.0625f, 0, 0, 0.25f, -0.25f, -0.0954915285f}},
      {{LossKind::kBce},
       25.1224537f,
       {0.138888896f, -0.138888896f, 0.166666672f, 0, 0, 1.24999999e+11f, -1.24999999e+11f,
        -0.20225428f}},
      {{LossKind::kWeightedBce, 0, 0.3f, 1.7f},
       25.1393852f,
       {0.0416666716f, -0.236111134f, 0.0500000007f, 0, 0, 3.75000023e+10f, -2.12500005e+11f,
        -0.343832314f}},
      {{LossKind::kMse, 0.15}, 0.217924774f, {0, 0, 0.0625f, 0, 0, 0, 0, -0.0954915285f}},
      {{LossKind::kBce, 0.15}, 0.651651263f, {0, 0, 0.166666672f, 0, 0, 0, 0, -0.20225428f}},
      {{LossKind::kBce, 0.7}, 0.780323863f, {0, 0, 0, 0, 0, 0, 0, 0}}};
  for (const Recorded& want : all) expect_recorded(p, target, want);
  const Floats soft = {0.2f, 0.7f, 0.5f, 0.1f, 0.9f, 0.3f, 0.6f, 0.4f};
  // torch rounds p - T to float: the seventh digits of some of these are off.
  const Result got = run(p, soft, {LossKind::kBce});
  EXPECT_NEAR(got.loss, 19.1145344f, 4e-7 * 19);
  const Floats dp = {-0.138888896f,   0.277777702f,    -0.166666672f,    -1.24999997e+10f,
                     1.25000028e+10f, 8.74999972e+10f, -7.50000046e+10f, 0.115450785f};
  for (size_t b = 0; b < p.size(); ++b) EXPECT_NEAR(got.dp[b], dp[b], 1e-6 * std::abs(dp[b])) << b;
}

TEST(Loss, LogitsEqualTorch) {
  expect_recorded(
      {0.5f, -3.0f, 20.0f, -100.0f, 100.0f, 0.0f, -0.25f, 7.5f}, {0, 1, 0, 0, 1, 1, 1, 1},
      {{LossKind::kBceWithLogits},
       3.19278789f,
       {0.077807419f, -0.119071767f, 0.125f, 0, 0, -0.0625f, -0.0702720582f, -6.9104135e-05f}});
}

TEST(Loss, ClampPassesTheGradientOnItsBorders) {
  const Result r =
      run({0.25f, 0.75f, 0.2499999f, 0.7500001f}, {0, 0, 0, 0}, {LossKind::kMse, 0.25});
  EXPECT_EQ(r.dp, (Floats{0.125f, 0.375f, 0, 0}));
}

TEST(Loss, EmptyBatchHasNoLoss) {
  for (const LossConfig& config : loss_configs()) EXPECT_EQ(run({}, {}, config).loss, 0.0f);
}

TEST(Loss, GradientMayLieOverThePredictions) {
  const LossConfig config{LossKind::kBce};
  const Problem problem(config, 300);
  Floats p = problem.p;
  loss_backward(p.data(), p.data(), problem.target.data(), 300, config, CpuStream{});
  EXPECT_EQ(p, run(problem.p, problem.target, config).dp);
}

TEST(Loss, NanAndImpossibleProbabilitiesShow) { test::expect_nan_shows(run); }

TEST(Loss, BitsDoNotDependOnThreads) {
  for (const LossConfig& config : loss_configs()) {
    const Problem problem(config, 70001);
    const Result one = run(problem.p, problem.target, config);
    for (int threads : {2, 3, 8}) {
      set_num_threads(threads);
      const Result many = run(problem.p, problem.target, config);
      EXPECT_EQ(one.loss, many.loss) << threads;
      EXPECT_EQ(one.dp, many.dp) << threads;
    }
    set_num_threads(1);
  }
}

// Of both passes: they refuse the same in the same words.
std::string error_of(int64_t B, const LossConfig& config) {
  float loss = 0, dp = 0, p = 0.5f, target = 1;
  const std::string forward =
      test::error_text([&] { loss_forward(&loss, &p, &target, B, config, CpuStream{}); });
  EXPECT_EQ(test::error_text([&] { loss_backward(&dp, &p, &target, B, config, CpuStream{}); }),
            forward);
  return forward;
}

TEST(Loss, RejectsBadAttributes) {
  EXPECT_EQ(error_of(-1, {LossKind::kMse}), "[loss] bad number of samples: got -1, expected >= 0");
  EXPECT_EQ(error_of(1, {LossKind::kMse, 1.0}),
            "[loss] bad threshold: got 1, expected a number in [0, 1)");
  EXPECT_EQ(error_of(1, {LossKind::kMse, -0.5}),
            "[loss] bad threshold: got -0.5, expected a number in [0, 1)");
  EXPECT_EQ(error_of(1, {LossKind::kMse, NAN}),
            "[loss] bad threshold: got nan, expected a number in [0, 1)");
  EXPECT_EQ(error_of(1, {LossKind::kBceWithLogits, 0.1}),
            "[loss] bad threshold: got 0.1, expected 0 (logits are not probabilities)");
}

}  // namespace
}  // namespace hotrow
