// The CUDA kernels of kernels/loss.h, beside the CPU's and the definition in double.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/loss.h"
#include "tests/kernels/loss_problem.h"
#include "tests/reference/loss_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using Floats = std::vector<float>;
using test::DeviceVector;
using test::loss_configs;
using test::LossProblem;

constexpr float kUntouched = 12345;

struct Result {
  float loss;
  Floats dp;
};

// A float lies behind each output, which must stay as it was.
Result run(const Floats& p, const Floats& target, const LossConfig& config) {
  const auto B = static_cast<int64_t>(p.size());
  const DeviceVector<float> on_p(p), on_target(target);
  DeviceVector<float> loss(Floats{0, kUntouched}), dp(Floats(p.size() + 1, kUntouched));
  DeviceVector<std::byte> scratch(loss_scratch_bytes(B));
  loss_forward(loss.data(), on_p.data(), on_target.data(), B, config,
               {scratch.data(), scratch.size()}, CudaStream{});
  loss_backward(dp.data(), on_p.data(), on_target.data(), B, config, CudaStream{});
  Result result{loss.get()[0], dp.get()};
  EXPECT_EQ(loss.get()[1], kUntouched);
  EXPECT_EQ(result.dp.back(), kUntouched);
  result.dp.pop_back();
  return result;
}

Result run_on_cpu(const Floats& p, const Floats& target, const LossConfig& config) {
  const auto B = static_cast<int64_t>(p.size());
  Result result{0, Floats(p.size())};
  loss_forward(&result.loss, p.data(), target.data(), B, config, CpuStream{});
  loss_backward(result.dp.data(), p.data(), target.data(), B, config, CpuStream{});
  return result;
}

TEST(LossCuda, MatchesDouble) {
  for (const LossConfig& config : loss_configs()) {
    for (int64_t B : {1, 2, 7, 255, 256, 257, 1025, 33000, 70001}) {
      const LossProblem problem(config, B);
      const Result got = run(problem.p, problem.target, config);
      const auto want = reference::loss(problem.p, problem.target, config);
      EXPECT_TRUE(test::within_bound(std::vector{got.loss}, std::vector{want.loss}, 1))
          << "kind " << int(config.kind) << " B " << B;
      EXPECT_TRUE(test::within_bound(got.dp, want.dp, 1)) << "kind " << int(config.kind);
    }
  }
}

// At the limits too, where logarithms and quotients are cut off.
TEST(LossCuda, GradientsHaveTheBitsOfTheCpu) {
  for (const LossConfig& config : loss_configs()) {
    LossProblem problem(config, 1000);
    const Floats limits = {0, 1, 0.15f, 0.85f, 0.02f, 0.98f, 1e-30f, 0.99999994f};
    for (float p : limits) {
      for (float target : {0.0f, 1.0f, 0.3f}) {
        problem.p.push_back(p);
        problem.target.push_back(target);
      }
    }
    const Result got = run(problem.p, problem.target, config);
    const Result want = run_on_cpu(problem.p, problem.target, config);
    EXPECT_FLOAT_EQ(got.loss, want.loss);
    for (size_t b = 0; b < got.dp.size(); ++b) {
      if (config.kind == LossKind::kBceWithLogits) {  // the exponential is the device's
        EXPECT_FLOAT_EQ(got.dp[b], want.dp[b]) << problem.p[b];
      } else {
        EXPECT_EQ(got.dp[b], want.dp[b]) << problem.p[b];
      }
    }
  }
}

TEST(LossCuda, AnEmptyBatchHasNoLoss) {
  for (const LossConfig& config : loss_configs()) EXPECT_EQ(run({}, {}, config).loss, 0.0f);
}

TEST(LossCuda, GradientMayLieOverThePredictions) {
  const LossConfig config{LossKind::kBce};
  const LossProblem problem(config, 300);
  DeviceVector<float> p(problem.p);
  const DeviceVector<float> target(problem.target);
  loss_backward(p.data(), p.data(), target.data(), 300, config, CudaStream{});
  EXPECT_EQ(p.get(), run(problem.p, problem.target, config).dp);
}

TEST(LossCuda, NanAndImpossibleProbabilitiesShow) { test::expect_nan_shows(run); }

TEST(LossCuda, BitsDoNotDependOnTheOrderOfThreads) {
  for (const LossConfig& config : loss_configs()) {
    const LossProblem problem(config, 33000);
    const Result first = run(problem.p, problem.target, config);
    for (uint64_t seed : {1, 2, 3}) {
      cuda_on_host::set_schedule_seed(seed);
      const Result again = run(problem.p, problem.target, config);
      EXPECT_EQ(again.loss, first.loss);
      EXPECT_EQ(again.dp, first.dp);
    }
  }
}

TEST(LossCuda, RejectsWhatTheCpuRejects) {
  const auto errors = [](int64_t B, const LossConfig& config) {
    std::byte scratch[8];
    const std::string forward = test::error_text(
        [&] { loss_forward(nullptr, nullptr, nullptr, B, config, scratch, CudaStream{}); });
    EXPECT_EQ(test::error_text(
                  [&] { loss_backward(nullptr, nullptr, nullptr, B, config, CudaStream{}); }),
              forward);
    return forward;
  };
  EXPECT_EQ(errors(-1, {LossKind::kMse}), "[loss] bad number of samples: got -1, expected >= 0");
  EXPECT_EQ(errors(1, {LossKind::kMse, NAN}),
            "[loss] bad threshold: got nan, expected a number in [0, 1)");
  EXPECT_EQ(errors(1, {LossKind::kBceWithLogits, 0.1}),
            "[loss] bad threshold: got 0.1, expected 0 (logits are not probabilities)");
  std::byte scratch[8];
  EXPECT_EQ(test::error_text(
                [&] { loss_forward(nullptr, nullptr, nullptr, 257, {}, scratch, CudaStream{}); }),
            "[loss] scratch too small: got 8 bytes, expected at least 16");
}

}  // namespace
}  // namespace hotrow
