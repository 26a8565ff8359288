// The CUDA kernels of kernels/interaction.h for bf16, beside the definition in double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "kernels/interaction.h"
#include "tests/kernels/interaction_cuda_harness.h"

namespace hotrow {
namespace {

using Problem = test::DeviceInteraction<Bf16>;

// The bound of fp32 sums, and half a unit of the last bit of a bf16 number for each rounding: one,
// and one more for each feature that adds to what another one left.
struct WithinRounding {
  int roundings = 1;

  ::testing::AssertionResult operator()(std::span<const float> got,
                                        std::span<const test::Exact> want, int64_t terms) const {
    constexpr double kEps = 0x1p-23, kHalfUnit = 0x1p-8;
    for (size_t i = 0; i < want.size(); ++i) {
      const double sum_error = test::bound_k(terms) * kEps * want[i].magnitude;
      const double earlier = roundings > 1 ? (roundings - 1) * kHalfUnit * want[i].magnitude : 0;
      const double bound = sum_error + earlier + kHalfUnit * (std::abs(want[i].value) + sum_error);
      if (!(std::abs(got[i] - want[i].value) <= bound)) {
        return ::testing::AssertionFailure()
               << "element " << i << ": got " << got[i] << ", expected " << want[i].value;
      }
    }
    return ::testing::AssertionSuccess();
  }
};

void expect_matches(Problem p) {
  SCOPED_TRACE(fmt::format("F {} D {} self {} B {} padding {}", p.F, p.D, p.self, p.B, p.padding));
  int roundings = 0;
  for (size_t f : p.owner) {
    roundings =
        std::max(roundings, static_cast<int>(std::count(p.owner.begin(), p.owner.end(), f)));
  }
  const test::Arrays before = p.dx;
  p.forward();
  p.expect_z(WithinRounding{});
  p.backward();
  p.expect_dx(before, WithinRounding{roundings});
}

class InteractionBf16CudaTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(InteractionBf16CudaTest, MatchesDouble) {
  for (int64_t D : {1, 13, 16, 64, 100, 128}) {
    for (bool self : {false, true}) {
      for (int64_t B : {0, 1, 5}) expect_matches({B, GetParam(), D, self});
    }
  }
}

// 33 and more features: several squares of pairs.
INSTANTIATE_TEST_SUITE_P(Features, InteractionBf16CudaTest,
                         ::testing::Values(1, 2, 4, 8, 15, 16, 17, 27, 32, 33, 64, 70));

TEST(InteractionBf16Cuda, RowsWithPadding) {
  for (int64_t F : {4, 27, 40}) {
    for (int64_t D : {16, 128, 250}) {
      const int64_t cols = D + interaction_pairs(F, false);
      expect_matches({9, F, D, false, (8 - cols % 8) % 8});
    }
  }
  expect_matches({3, 1, 512, false, 0});
}

TEST(InteractionBf16Cuda, SharedGradientsGetAllParts) {
  for (const Problem& p : test::problems_with_shared_gradients<Problem>()) {
    expect_matches(p);
    test::expect_same_bits_in_any_order(p);
  }
}

TEST(InteractionBf16Cuda, BitsDoNotDependOnTheOrderOfThreads) {
  for (int64_t F : {27, 70}) test::expect_same_bits_in_any_order(Problem(6, F, 100, false));
}

TEST(InteractionBf16Cuda, RejectsShapesThatDoNotFit) {
  const std::span<const Bf16Feature> x(static_cast<const Bf16Feature*>(nullptr), 2);
  const auto error = [&](int64_t cols) {
    return test::error_text([&] {
      interaction_forward({nullptr, {0, cols}}, x, 4, false, CudaStream{});
    });
  };
  EXPECT_EQ(error(4),
            "[interaction] wrong number of columns: got 4, expected 5 (2 features of width 4)");
  EXPECT_EQ(error(12), "no error");
  EXPECT_EQ(error(13),
            "[interaction] wrong number of columns: got 13, expected 5 (2 features of width 4)");
}

}  // namespace
}  // namespace hotrow
