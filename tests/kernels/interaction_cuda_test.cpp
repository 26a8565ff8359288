// The CUDA kernels of kernels/interaction.h, beside the CPU's and the definition in double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/interaction.h"
#include "tests/kernels/interaction_problem.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using test::DeviceVector;
using Arrays = std::vector<std::vector<float>>;

// Runs on the device what its arrays describe, and has them back.
struct Problem : test::InteractionProblem {
  using InteractionProblem::InteractionProblem;

  std::vector<DeviceVector<float>> device_x() const { return {x.begin(), x.end()}; }
  DeviceVector<Feature> features(const std::vector<DeviceVector<float>>& memory) const {
    std::vector<Feature> list;
    for (int64_t f = 0; f < F; ++f) list.push_back({memory[f].data(), stride(f)});
    return list;
  }
  size_t count() const { return static_cast<size_t>(F); }

  // A float lies behind z, which must stay as it was.
  void forward() {
    const auto memory = device_x();
    const auto list = features(memory);
    auto padded = z;
    padded.push_back(kUntouched);
    DeviceVector<float> out(padded);
    interaction_forward({out.data(), {B, cols()}}, {list.data(), count()}, D, self, CudaStream{});
    z = out.get();
    EXPECT_EQ(z.back(), kUntouched);
    z.pop_back();
  }
  void backward() {
    const auto memory = device_x();
    const auto list = features(memory);
    std::vector<DeviceVector<float>> out(dx.begin(), dx.end());
    std::vector<FeatureGrad> grads;
    for (int64_t f = 0; f < F; ++f) grads.push_back({out[f].data(), stride(f), accumulate[f]});
    const DeviceVector<FeatureGrad> grad_list(grads);
    const DeviceVector<float> in(dz);
    interaction_backward({grad_list.data(), count()}, {in.data(), {B, cols()}},
                         {list.data(), count()}, D, self, CudaStream{});
    for (int64_t f = 0; f < F; ++f) dx[f] = out[f].get();
  }

  Arrays backward_on_cpu() const {
    std::vector<Feature> list;
    std::vector<FeatureGrad> grads;
    Arrays out = dx;
    for (int64_t f = 0; f < F; ++f) {
      list.push_back({x[f].data(), stride(f)});
      grads.push_back({out[f].data(), stride(f), accumulate[f]});
    }
    interaction_backward(grads, {dz.data(), {B, cols()}}, list, D, self, CpuStream{});
    return out;
  }
};

void expect_matches(Problem p) {
  SCOPED_TRACE(fmt::format("F {} D {} self {} B {}", p.F, p.D, p.self, p.B));
  p.forward();
  p.expect_z();
  const Arrays before = p.dx, want = p.backward_on_cpu();
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
  interaction_forward({z.data(), {B, p.cols()}}, {list.data(), p.count()}, D, false, CudaStream{});
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
    Problem first(11, F, 100, false);
    first.forward();
    first.backward();
    for (uint64_t seed : {1, 2, 3}) {
      cuda_on_host::set_schedule_seed(seed);
      Problem again(11, F, 100, false);
      again.forward();
      again.backward();
      EXPECT_EQ(again.z, first.z) << F;
      EXPECT_EQ(again.dx, first.dx) << F;
    }
    Problem prefix(11, F, 100, false);
    prefix.B = 5;
    prefix.forward();
    const auto end = prefix.z.begin() + 5 * prefix.cols();
    EXPECT_TRUE(std::equal(prefix.z.begin(), end, first.z.begin()));
    EXPECT_EQ(*end, Problem::kUntouched);
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
  const std::span<const Feature> x(static_cast<const Feature*>(nullptr), 2);
  const std::span<const FeatureGrad> dx(static_cast<const FeatureGrad*>(nullptr), 2);
  const Matrix z{nullptr, {1, 5}}, wide{nullptr, {1, 6}};
  const CudaStream s;
  EXPECT_EQ(test::error_text([&] { interaction_forward(z, {}, 4, false, s); }),
            "[interaction] no features: got 0, expected at least 1");
  EXPECT_EQ(test::error_text([&] { interaction_forward(z, x, 0, false, s); }),
            "[interaction] bad feature width: got 0, expected at least 1");
  EXPECT_EQ(test::error_text([&] { interaction_forward(wide, x, 4, false, s); }),
            "[interaction] wrong number of columns: got 6, expected 5 (2 features of width 4)");
  EXPECT_EQ(test::error_text([&] { interaction_backward(dx, wide, x, 4, false, s); }),
            "[interaction backward] wrong number of columns: got 6, expected 5 (2 features of "
            "width 4)");
  EXPECT_EQ(test::error_text([&] { interaction_backward(dx.first(1), z, x, 4, false, s); }),
            "[interaction backward] wrong number of gradients: got 1, expected 2");
}

}  // namespace
}  // namespace hotrow
