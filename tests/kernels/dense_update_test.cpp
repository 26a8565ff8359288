#include "kernels/dense_update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/kernels/dense_update_problem.h"
#include "tests/reference/dense_update_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/error_text.h"
#include "tests/support/instruction_sets.h"
#include "tests/support/update_kinds.h"

namespace hotrow {
namespace {

using Floats = std::vector<float>;
using test::dense_rule;
using test::DenseProblem;

TEST(DenseUpdate, MatchesDoubleWithEveryInstructionSet) {
  test::for_each_instruction_set([&] {
    for (UpdateKind kind : test::kUpdateKinds) {
      for (int64_t n : {0, 1, 7, 16, 37, 20011}) {
        DenseProblem p(kind, n);
        const auto want = reference::dense_update(p.w, p.state, p.g, dense_rule(kind));
        p.update_on_cpu(dense_rule(kind));
        EXPECT_TRUE(test::within_bound(p.w, want.w, 8)) << int(kind) << " n " << n;
        EXPECT_TRUE(test::within_bound(p.state, want.state, 4)) << int(kind) << " n " << n;
      }
    }
  });
}

// Recorded from PyTorch 2.14: three steps with these gradients from these weights, of
// torch.optim.SGD(lr=0.1), Adagrad(lr=0.1), Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-8).
struct Recorded {
  UpdateRule rule;
  Floats w, state;
};

TEST(DenseUpdate, ThreeStepsEqualTorch) {
  const Floats start = {0.5f, -1.25f, 2.0f, 0.0f, -3.0f};
  const Floats gradients[] = {{0.1f, -0.2f, 3.0f, 0.0f, 1e-6f},
                              {0.4f, 0.5f, -3.0f, 0.0f, 2.0f},
                              {-0.3f, 0.25f, 0.125f, 1.5f, 0.0f}};
  const Recorded all[] = {
      {{UpdateKind::kSgd, 0.1},
       {0.480000019f, -1.30499995f, 1.98749995f, -0.150000006f, -3.20000005f},
       {}},
      {{UpdateKind::kAdagrad, 0.1, 1e-10},
       {0.361820579f, -1.28495526f, 1.96776569f, -0.100000001f, -3.1999898f},
       {0.26000002f, 0.352499992f, 18.015625f, 2.25f, 4.0f}},
      {{UpdateKind::kAdam, 0.01, 1e-8, 0.9, 0.999},
       {0.479389191f, -1.2502135f, 1.99074471f, -0.00638813619f, -3.02309442f},
       {0.0141000012f, 0.053799998f, -0.0144999893f, 0.150000006f, 0.180000082f, 0.000259820052f,
        0.000352170056f, 0.0179886334f, 0.0022499999f, 0.00399600016f}}};
  for (const Recorded& want : all) {
    Floats w = start, state(want.state.size());
    UpdateRule rule = want.rule;
    for (const Floats& g : gradients) {
      dense_update(w.data(), state.data(), g.data(), 5, rule, CpuStream{});
      ++rule.step;
    }
    // Two ulps of each weight: an fma rounds once where torch may round twice.
    for (size_t i = 0; i < w.size(); ++i) {
      EXPECT_NEAR(w[i], want.w[i], 2.4e-7 * std::abs(want.w[i])) << int(rule.kind) << ' ' << i;
    }
    for (size_t i = 0; i < state.size(); ++i) {
      // The first moment of element 2 is what is left of 0.3 after cancellation.
      const double size = std::max(std::abs(want.state[i]), i == 2 ? 0.3f : 0.0f);
      EXPECT_NEAR(state[i], want.state[i], 2.4e-7 * size) << int(rule.kind) << ' ' << i;
    }
  }
}

TEST(DenseUpdate, ZeroGradientLeavesFreshAdagradAlone) {
  float w = 1.5f, s = 0, g = 0;
  dense_update(&w, &s, &g, 1, dense_rule(UpdateKind::kAdagrad), CpuStream{});
  EXPECT_EQ(w, 1.5f) << "0 / (0 + eps) is 0, not NaN";
}

TEST(DenseUpdate, NanGradientReachesTheWeight) {
  for (UpdateKind kind : test::kUpdateKinds) {
    DenseProblem p(kind, 19);
    p.g[18] = std::nanf("");
    p.update_on_cpu(dense_rule(kind));
    EXPECT_TRUE(std::isnan(p.w[18]));
    EXPECT_FALSE(std::isnan(p.w[17]));
  }
}

TEST(DenseUpdate, BitsDoNotDependOnThreadsOrLength) {
  for (UpdateKind kind : test::kUpdateKinds) {
    DenseProblem one(kind, 100003);
    one.update_on_cpu(dense_rule(kind));
    for (int threads : {2, 3, 8}) {
      set_num_threads(threads);
      DenseProblem many(kind, 100003);
      many.update_on_cpu(dense_rule(kind));
      EXPECT_EQ(one.w, many.w) << threads;
      EXPECT_EQ(one.state, many.state) << threads;
    }
    set_num_threads(1);
  }
  // An element in a vector and the same element in a tail.
  DenseProblem whole(UpdateKind::kAdagrad, 64), tail(UpdateKind::kAdagrad, 64);
  whole.update_on_cpu(dense_rule(UpdateKind::kAdagrad));
  for (int64_t i = 0; i < 64; ++i) {
    dense_update(&tail.w[i], &tail.state[i], &tail.g[i], 1, dense_rule(UpdateKind::kAdagrad),
                 CpuStream{});
  }
  EXPECT_EQ(whole.w, tail.w);
}

std::string error_of(const UpdateRule& rule, bool with_state, int64_t n) {
  float w = 0, state[2] = {}, g = 0;
  return test::error_text(
      [&] { dense_update(&w, with_state ? state : nullptr, &g, n, rule, CpuStream{}); });
}

TEST(DenseUpdate, RejectsRulesOutOfRange) {
  const auto text = [](auto change) {
    UpdateRule rule = dense_rule(UpdateKind::kAdam);
    change(rule);
    return error_of(rule, true, 1);
  };
  EXPECT_EQ(text([](UpdateRule&) {}), "no error");
  EXPECT_EQ(text([](UpdateRule& r) { r.learning_rate = -1; }),
            "[dense update] bad learning rate: got -1, expected a finite number >= 0");
  EXPECT_EQ(text([](UpdateRule& r) { r.learning_rate = NAN; }),
            "[dense update] bad learning rate: got nan, expected a finite number >= 0");
  EXPECT_EQ(text([](UpdateRule& r) { r.eps = -1e-3; }),
            "[dense update] bad eps: got -0.001, expected a finite number >= 0");
  EXPECT_EQ(text([](UpdateRule& r) { r.beta1 = 1; }),
            "[dense update] bad beta1: got 1, expected a number in [0, 1)");
  EXPECT_EQ(text([](UpdateRule& r) { r.beta2 = -0.5; }),
            "[dense update] bad beta2: got -0.5, expected a number in [0, 1)");
  EXPECT_EQ(text([](UpdateRule& r) { r.step = 0; }),
            "[dense update] bad step: got 0, expected >= 1 (steps count from 1)");
  // SGD reads none of these.
  UpdateRule sgd{UpdateKind::kSgd, 0.1, -1, 2, 2, 0};
  EXPECT_EQ(error_of(sgd, false, 1), "no error");
}

TEST(DenseUpdate, RejectsANegativeSizeAndAMissingState) {
  EXPECT_EQ(error_of(dense_rule(UpdateKind::kSgd), true, -1),
            "[dense update] bad number of parameters: got -1, expected >= 0");
  EXPECT_EQ(error_of(dense_rule(UpdateKind::kAdam), false, 1),
            "[dense update] no state: got null, expected 2 floats");
  EXPECT_EQ(error_of(dense_rule(UpdateKind::kRowwiseAdagrad), false, 1),
            "[dense update] no state: got null, expected 1 floats");
}

}  // namespace
}  // namespace hotrow
