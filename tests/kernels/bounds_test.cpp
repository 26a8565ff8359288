// The judge of all kernel tests must itself be able to say no.
#include "tests/support/bounds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace hotrow::test {
namespace {

constexpr int64_t kTerms = 100;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// 37 dot products of kTerms terms, exactly and in float.
struct Dots {
  std::vector<float> got;
  std::vector<Exact> want;

  Dots() {
    const auto a = test_floats(37 * kTerms, 1), b = test_floats(37 * kTerms, 2);
    for (size_t i = 0; i < 37; ++i) {
      float dot = 0;
      Exact exact;
      for (size_t k = i * kTerms; k < (i + 1) * kTerms; ++k) {
        dot += a[k] * b[k];
        exact.add_product(a[k], b[k]);
      }
      got.push_back(dot);
      want.push_back(exact);
    }
  }
};

TEST(Bounds, AcceptsFloatArithmetic) {
  const Dots dots;
  EXPECT_TRUE(within_bound(dots.got, dots.want, kTerms));
  EXPECT_TRUE(within_bound(std::vector<float>{}, {}, kTerms));
}

TEST(Bounds, EveryMutationOfOneElementFails) {
  const Dots dots;
  for (size_t i = 0; i < dots.got.size(); ++i) {
    const double allowed =
        bound_k(kTerms) * std::numeric_limits<float>::epsilon() * dots.want[i].magnitude;
    for (float mutant : {static_cast<float>(dots.want[i].value + 2 * allowed),
                         static_cast<float>(dots.want[i].value - 2 * allowed), -dots.got[i], kNan,
                         kInf, -kInf, 0.0f}) {
      auto got = dots.got;
      got[i] = mutant;
      const auto result = within_bound(got, dots.want, kTerms);
      EXPECT_FALSE(result) << mutant;
      EXPECT_NE(std::string(result.message()).find("worst element " + std::to_string(i) + ":"),
                std::string::npos)
          << result.message();
    }
  }
}

TEST(Bounds, ADroppedTermFails) {
  const auto a = test_floats(kTerms, 3), b = test_floats(kTerms, 4);
  Exact exact;
  for (size_t k = 0; k < kTerms; ++k) exact.add_product(a[k], b[k]);
  int seen = 0;
  for (size_t drop = 0; drop < kTerms; ++drop) {
    double dot = exact.value - static_cast<double>(a[drop]) * b[drop];
    seen += within_bound(std::vector{static_cast<float>(dot)}, std::vector{exact}, kTerms) ? 0 : 1;
  }
  EXPECT_GE(seen, 90) << "all but those below the rounding errors of the others";
}

TEST(Bounds, InfinityAndNan) {
  const double inf = kInf, nan = kNan;
  EXPECT_TRUE(within_bound(std::vector{kInf}, std::vector<Exact>{{inf, inf}}, 1));
  EXPECT_FALSE(within_bound(std::vector{-kInf}, std::vector<Exact>{{inf, inf}}, 1));
  EXPECT_FALSE(within_bound(std::vector{1.0f}, std::vector<Exact>{{inf, inf}}, 1));
  EXPECT_FALSE(within_bound(std::vector{kNan}, std::vector<Exact>{{inf, inf}}, 1));
  EXPECT_FALSE(within_bound(std::vector{kNan}, std::vector<Exact>{{nan, nan}}, 1));
  EXPECT_FALSE(within_bound(std::vector{1.0f}, std::vector<Exact>{{nan, nan}}, 1));
  EXPECT_FALSE(within_bound(std::vector{1.0f}, std::vector<Exact>{{1.0, nan}}, 1) &&
               within_bound(std::vector{2.0f}, std::vector<Exact>{{1.0, nan}}, 1));
}

TEST(Bounds, ZeroMagnitudeMeansExact) {
  EXPECT_TRUE(within_bound(std::vector{2.5f}, std::vector<Exact>{{2.5, 0}}, 1));
  EXPECT_FALSE(within_bound(std::vector{2.5f}, std::vector<Exact>{{2.5 + 1e-6, 0}}, 1));
}

TEST(Bounds, DifferentLengthsFail) {
  EXPECT_FALSE(within_bound(std::vector{1.0f}, {}, 1));
  EXPECT_FALSE(within_bound(std::vector<float>{}, std::vector<Exact>(1), 1));
}

TEST(Bounds, ReportsTheWorstElementAndItsShare) {
  const std::vector<Exact> want = {{1, 1}, {2, 2}, {3, 3}};
  const float eps = std::numeric_limits<float>::epsilon();
  const BoundReport fine = compare(std::vector{1.0f, 2.0f + 2 * eps, 3.0f}, want, 1);
  EXPECT_TRUE(fine.ok);
  EXPECT_EQ(fine.worst, 1);
  EXPECT_NEAR(fine.used, 1.0 / 3, 1e-6);  // 2 eps of 3 eps * 2
  const BoundReport bad = compare(std::vector{1.5f, kNan, 9.0f}, want, 1);
  EXPECT_FALSE(bad.ok);
  EXPECT_EQ(bad.worst, 1) << "NaN is worse than any number";
}

TEST(Bounds, CentralDifferenceOfAKnownFunction) {
  const auto f = [](std::span<const double> x) { return std::sin(x[0]) * x[1] * x[1]; };
  const std::vector<double> x = {0.7, -30.0};
  EXPECT_NEAR(central_difference(f, x, 0), std::cos(0.7) * 900, 1e-7 * 900);
  EXPECT_NEAR(central_difference(f, x, 1), std::sin(0.7) * -60, 1e-7 * 900);
}

}  // namespace
}  // namespace hotrow::test
