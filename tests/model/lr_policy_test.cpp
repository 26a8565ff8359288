#include "model/lr_policy.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/check.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

constexpr int64_t kFar = std::numeric_limits<int64_t>::max();

// Rates of steps 1, 2, ... that the reference's scheduler gave.
TEST(LrPolicy, MatchesTheReference) {
  struct Recorded {
    double base;
    int64_t warmup, decay_start, decay_steps;
    std::vector<double> rates;
  };
  const Recorded recorded[] = {
      {0.2,
       5,
       10,
       8,
       {0.039999999999999994,
        0.08000000000000002,
        0.12,
        0.16000000000000003,
        0.16000000000000003,
        0.16000000000000003,
        0.16000000000000003,
        0.16000000000000003,
        0.16000000000000003,
        0.2,
        0.153125,
        0.1125,
        0.078125,
        0.05,
        0.028125,
        0.0125,
        0.003125,
        0.003125,
        0.003125,
        0.003125,
        0.003125,
        0.003125,
        0.003125,
        0.003125}},
      {0.1,
       3,
       4,
       3,
       {0.03333333333333334, 0.06666666666666668, 0.06666666666666668, 0.1, 0.044444444444444446,
        0.011111111111111112, 0.011111111111111112, 0.011111111111111112, 0.011111111111111112}},
      {2.0,
       7,
       7,
       5,
       {0.2857142857142858, 0.5714285714285714, 0.8571428571428572, 1.1428571428571428,
        1.4285714285714286, 1.7142857142857144, 2.0, 1.2800000000000002, 0.72, 0.32000000000000006,
        0.08000000000000002, 0.08000000000000002, 0.08000000000000002, 0.08000000000000002,
        0.08000000000000002}},
      {1.0, 1, 1, 4, {1.0, 0.5625, 0.25, 0.0625, 0.0625, 0.0625, 0.0625, 0.0625}},
      {0.5,
       0,
       1,
       3,
       {0.5, 0.2222222222222222, 0.05555555555555555, 0.05555555555555555, 0.05555555555555555,
        0.05555555555555555}},
      {1e-06,
       4,
       6,
       3,
       {2.5e-07, 5e-07, 7.5e-07, 7.5e-07, 7.5e-07, 1e-06, 4.444444444444444e-07,
        1.111111111111111e-07, 1.111111111111111e-07, 1.111111111111111e-07, 1.111111111111111e-07,
        1.111111111111111e-07}},
      {0.3,
       6,
       9,
       0,
       {0.04999999999999999, 0.1, 0.15, 0.2, 0.25, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3}},
      {0.3, 0, 0, 0, {0.3, 0.3, 0.3, 0.3}},
  };
  for (const Recorded& r : recorded) {
    const LrPolicy policy(r.base, r.warmup, r.decay_start, r.decay_steps);
    for (size_t i = 0; i < r.rates.size(); ++i) {
      EXPECT_DOUBLE_EQ(policy.at(static_cast<int64_t>(i) + 1), r.rates[i])
          << "W " << r.warmup << ", step " << i + 1;
    }
  }
}

// A published recipe for the Terabyte data at batch 55296.
TEST(LrPolicy, MatchesTheReferenceOnALongRun) {
  const LrPolicy policy(24, 2750, 49315, 27772);
  const std::pair<int64_t, double> recorded[] = {{1, 0.00872727272727225},
                                                 {1000, 8.727272727272727},
                                                 {2749, 23.99127272727273},
                                                 {2750, 23.99127272727273},
                                                 {49314, 23.99127272727273},
                                                 {49315, 24.0},
                                                 {60000, 9.085076056758881},
                                                 {77086, 1e-7},
                                                 {77087, 1e-7},
                                                 {80000, 1e-7}};
  for (const auto& [step, rate] : recorded) EXPECT_DOUBLE_EQ(policy.at(step), rate) << step;
}

// Where the reference has no rate to hold, and fails: the base rate until the decay starts.
TEST(LrPolicy, HoldsTheBaseRateWithoutAWarmup) {
  for (int64_t warmup : {0, 1}) {
    const LrPolicy policy(0.5, warmup, 4, 2);
    for (int64_t step : {1, 2, 3, 4}) EXPECT_EQ(policy.at(step), 0.5) << step;
    EXPECT_EQ(policy.at(5), 0.125);
    EXPECT_EQ(policy.at(6), 0.125);
    EXPECT_EQ(policy.at(kFar), 0.125);
  }
  // A decay that is over before the first step.
  EXPECT_EQ(LrPolicy(0.5, 0, 0, 1).at(1), 0.5);
}

TEST(LrPolicy, FarStepsDoNotOverflow) {
  EXPECT_EQ(LrPolicy(0.5, 0, kFar, kFar).at(kFar), 0.5);
  EXPECT_EQ(LrPolicy(0.5, 0, 1, kFar).at(1), 0.5);
  EXPECT_EQ(LrPolicy(0.5, 0, 1, 2).at(kFar), 0.125);
}

template <class... Args>
std::string error_of(Args... args) {
  return test::error_text([&] { LrPolicy policy(args...); });
}

TEST(LrPolicy, RefusesWhatMakesNoSense) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(
      error_of(0.1, 5, 4, 3),
      "[--lr-decay-start-step] Learning rate warmup must finish before the decay starts: got 4, "
      "expected at least the 5 steps of --lr-num-warmup-steps (also where nothing decays)");
  EXPECT_EQ(error_of(-0.1, 0, 0, 0),
            "[--learning-rate] out of range: got -0.1, expected a finite number of at least 0");
  EXPECT_EQ(error_of(nan, 0, 0, 0).substr(0, 17), "[--learning-rate]");
  EXPECT_EQ(error_of(0.1, -1, 0, 0),
            "[--lr-num-warmup-steps] out of range: got -1, expected an integer of at least 0");
  EXPECT_EQ(error_of(0.1, 0, -1, 0).substr(0, 23), "[--lr-decay-start-step]");
  EXPECT_EQ(error_of(0.1, 0, 0, -1).substr(0, 22), "[--lr-num-decay-steps]");
  EXPECT_THROW(LrPolicy(0.1, 0, 0, 0).at(0), InvalidArgument);
}

}  // namespace
}  // namespace hotrow
