// The CUDA kernels of kernels/interaction.h, beside the CPU's and the definition in double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/interaction.h"
#include "tests/kernels/interaction_cuda_harness.h"

namespace hotrow {
namespace {

using test::DeviceVector;
using Problem = test::DeviceInteraction<float>;

test::Arrays backward_on_cpu(const Problem& p) {
  test::Arrays out = p.dx;
  interaction_backward(p.gradients<float>(out), {p.dz.data(), {p.B, p.cols()}},
                       p.features<float>(p.x), p.D, p.self, CpuStream{});
  return out;
}

void expect_matches(Problem p) {
  SCOPED_TRACE(fmt::format("F {} D {} self {} B {} padding {}", p.F, p.D, p.self, p.B, p.padding));
  p.forward();
  p.expect_z();
  const test::Arrays before = p.dx, want = backward_on_cpu(p);
  p.backward();
  p.expect_dx(before);
  EXPECT_EQ(p.dx, want) << "other bits than the CPU's";
}

class InteractionCudaTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(InteractionCudaTest, MatchesDouble) {
  for (int64_t D : {1, 3, 13, 16, 31, 64, 100, 128}) {
    for (bool self : {false, true}) {
      for (int64_t B : {0, 1, 7}) expect_matches({B, GetParam(), D, self});
    }
  }
}

// 65 and 70 features: more than one square of pairs; 130: pairs of squares off the diagonal.
INSTANTIATE_TEST_SUITE_P(Features, InteractionCudaTest,
                         ::testing::Values(1, 2, 3, 4, 5, 8, 9, 13, 27, 40, 64, 65, 70, 130));

TEST(InteractionCuda, ManySamplesAndWideFeatures) {
  expect_matches({131, 9, 16, false});
  expect_matches({67, 2, 4, true});
  expect_matches({5, 27, 256, false});
  expect_matches({3, 33, 512, true});
  expect_matches({2, 70, 300, false});
}

TEST(InteractionCuda, RowsWithPadding) {
  for (int64_t padding : {1, 3, 7}) {
    expect_matches({9, 27, 16, false, padding});
    expect_matches({2, 1, 64, false, padding});
    expect_matches({3, 70, 13, true, padding});
  }
}

TEST(InteractionCuda, SharedGradientsGetAllParts) {
  for (const Problem& p : test::problems_with_shared_gradients<Problem>()) {
    expect_matches(p);
    test::expect_same_bits_in_any_order(p);
  }
}

// Rows that allow 16 bytes at a time, all of them, as the engine has them.
TEST(InteractionCuda, ColumnsOfOneMatrix) {
  const int64_t B = 7, F = 9, D = 64;
  const Problem p(B, F, D, false);
  const std::vector<float> wide = test::test_floats(B * F * D, 3);
  const DeviceVector<float> memory(wide);
  std::vector<Feature> features;
  for (int64_t f = 0; f < F; ++f) features.push_back({memory.data() + f * D, F * D});
  const DeviceVector<Feature> list(features);
  DeviceVector<float> z(p.z.size());
  interaction_forward({z.data(), {B, p.cols()}}, {list.data(), list.size()}, D, false,
                      CudaStream{});
  const std::vector<float> got = z.get();
  for (int64_t b = 0; b < B; ++b) {
    reference::SampleFeatures<float> sample;
    for (int64_t f = 0; f < F; ++f) {
      const float* row = wide.data() + (b * F + f) * D;
      sample.emplace_back(row, row + D);
    }
    const std::span<const float> row(got.data() + b * p.cols(), static_cast<size_t>(p.cols()));
    EXPECT_TRUE(test::within_bound(row, reference::interaction(sample, false), D)) << b;
  }
}

TEST(InteractionCuda, BitsDependNeitherOnTheBatchNorOnTheOrderOfThreads) {
  for (int64_t F : {9, 27, 70}) {
    const Problem problem(11, F, 100, false);
    test::expect_same_bits_in_any_order(problem);
    Problem all = problem, prefix = problem;
    prefix.B = 5;
    all.forward();
    prefix.forward();
    EXPECT_TRUE(std::equal(prefix.z.begin(), prefix.z.begin() + 5 * prefix.cols(), all.z.begin()));
  }
}

TEST(InteractionCuda, NanReachesItsPairsAlone) {
  Problem p(1, 5, 16, false);
  p.x[3][4] = std::nanf("");
  p.forward();
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      const float pair = p.z[static_cast<size_t>(16 + interaction_pairs(i, false) + j)];
      EXPECT_EQ(std::isnan(pair), i == 3 || j == 3) << i << ", " << j;
    }
  }
}

TEST(InteractionCuda, RejectsShapesThatDoNotFit) {
  test::expect_interaction_errors(13, CudaStream{});
}

}  // namespace
}  // namespace hotrow
