#include "kernels/interaction.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"
#include "tests/kernels/interaction_problem.h"
#include "tests/support/error_text.h"
#include "tests/support/instruction_sets.h"

namespace hotrow {
namespace {

struct Problem : test::InteractionProblem {
  using InteractionProblem::InteractionProblem;

  void forward() {
    interaction_forward({z.data(), {B, cols()}}, features<float>(x), D, self, CpuStream{});
  }
  void backward() {
    interaction_backward(gradients<float>(dx), {dz.data(), {B, cols()}}, features<float>(x), D,
                         self, CpuStream{});
  }
};

void expect_forward_matches(Problem& p) {
  p.forward();
  p.expect_z();
}

void expect_backward_matches(Problem& p) {
  const auto before = p.dx;
  p.backward();
  p.expect_dx(before);
}

class InteractionTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(InteractionTest, MatchesDouble) {
  for (int64_t D : {1, 3, 13, 16, 31, 64, 100, 128}) {
    for (bool self : {false, true}) {
      for (int64_t B : {0, 1, 7, 33}) {
        SCOPED_TRACE(fmt::format("D {} self {} B {}", D, self, B));
        Problem p(B, GetParam(), D, self);
        expect_forward_matches(p);
        expect_backward_matches(p);
      }
    }
  }
}

// 70 features: more than the kernel keeps the addresses of.
INSTANTIATE_TEST_SUITE_P(Features, InteractionTest,
                         ::testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 27, 40, 70));

// Every instruction set that this build holds and this machine runs, not only the best one.
TEST(Interaction, EveryInstructionSet) {
  test::for_each_instruction_set([&] {
    for (int64_t D : {1, 5, 13, 16, 100, 128}) {
      for (int64_t F : {1, 3, 4, 9, 14}) {
        Problem p(3, F, D, F % 2 == 0);
        expect_forward_matches(p);
        expect_backward_matches(p);
      }
    }
  });
}

// The reference's own gradient, against difference quotients of the reference's forward.
TEST(Interaction, ReferenceGradientMatchesCentralDifferences) {
  for (bool self : {false, true}) {
    const int64_t F = 4, D = 3;
    Problem p(1, F, D, self);
    const auto x = p.sample(p.x, 0);
    const auto grad = reference::interaction_backward(p.dz, x, self, x, std::vector<bool>(4));
    std::vector<double> flat;
    for (const auto& row : x) flat.insert(flat.end(), row.begin(), row.end());
    const auto loss = [&](std::span<const double> v) {
      reference::SampleFeatures<double> rows;
      for (int64_t f = 0; f < F; ++f) rows.emplace_back(&v[f * D], &v[f * D] + D);
      const auto z = reference::interaction(rows, self);
      double sum = 0;
      for (size_t c = 0; c < z.size(); ++c) sum += p.dz[c] * z[c].value;
      return sum;
    };
    for (size_t i = 0; i < flat.size(); ++i) {
      const test::Exact& g = grad[i / D][i % D];
      EXPECT_NEAR(g.value, test::central_difference(loss, flat, i), 1e-7 * g.magnitude) << i;
    }
  }
}

TEST(Interaction, PairsAreInRowMajorOrder) {
  const float x[3][1] = {{2}, {3}, {5}};
  const Feature features[] = {{x[0], 1}, {x[1], 1}, {x[2], 1}};
  std::vector<float> z(4), with_self(7);
  interaction_forward({z.data(), {1, 4}}, features, 1, false, CpuStream{});
  EXPECT_EQ(z, (std::vector<float>{2, 6, 10, 15}));
  interaction_forward({with_self.data(), {1, 7}}, features, 1, true, CpuStream{});
  EXPECT_EQ(with_self, (std::vector<float>{2, 4, 6, 9, 10, 15, 25}));
}

TEST(Interaction, BitsDoNotDependOnThreadsOrBatch) {
  for (int64_t D : {13, 16, 128}) {
    Problem one(300, 27, D, false);
    one.forward();
    one.backward();
    for (int threads : {2, 3, 8}) {
      set_num_threads(threads);
      Problem many(300, 27, D, false);
      many.forward();
      many.backward();
      EXPECT_EQ(one.z, many.z) << threads;
      EXPECT_EQ(one.dx, many.dx) << threads;
    }
    set_num_threads(1);
    Problem prefix(300, 27, D, false);
    prefix.B = 5;
    prefix.forward();
    EXPECT_TRUE(std::equal(prefix.z.begin(), prefix.z.begin() + 5 * prefix.cols(), one.z.begin()));
    EXPECT_EQ(prefix.z[static_cast<size_t>(5 * prefix.cols())], Problem::kUntouched);
  }
}

TEST(Interaction, NanReachesTheOutput) {
  Problem p(1, 5, 16, false);
  p.x[3][4] = std::nanf("");
  p.forward();
  EXPECT_TRUE(std::isnan(p.z[16 + 3])) << "pair (3, 0)";
  EXPECT_FALSE(std::isnan(p.z[16 + 0])) << "pair (1, 0)";
}

TEST(Interaction, SharedGradientsGetAllParts) {
  Problem p(9, 28, 13, false);
  p.share({0, 1, 27});
  p.share({4, 9, 10, 20});
  expect_backward_matches(p);
}

TEST(Interaction, RejectsShapesThatDoNotFit) {
  test::expect_interaction_errors(6, CpuStream{});
  std::vector<float> memory(64);
  const Feature x[] = {{memory.data(), 4}, {memory.data(), 4}};
  const Feature narrow[] = {{memory.data(), 4}, {memory.data(), 3}};
  const FeatureGrad narrow_dx[] = {{memory.data(), 4, false}, {memory.data(), 3, false}};
  const Matrix z{memory.data(), {1, 5}};
  const CpuStream s;
  EXPECT_EQ(test::error_text([&] { interaction_forward(z, narrow, 4, false, s); }),
            "[interaction] rows of feature 1 overlap: got a stride of 3, expected >= 4");
  EXPECT_EQ(test::error_text([&] { interaction_backward(narrow_dx, z, x, 4, false, s); }),
            "[interaction backward] rows of gradient 1 overlap: got a stride of 3, expected >= 4");
}

}  // namespace
}  // namespace hotrow
