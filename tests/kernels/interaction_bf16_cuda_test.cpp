// The CUDA kernels of kernels/interaction.h for bf16, beside the definition in double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/table_rows.h"
#include "kernels/interaction.h"
#include "tests/kernels/interaction_problem.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"

namespace hotrow {
namespace {

using test::DeviceVector;
using Floats = std::vector<float>;

std::vector<Bf16> to_bf16(const Floats& values) {
  std::vector<Bf16> out;
  for (float v : values) out.push_back(nearest_bf16(v));
  return out;
}

Floats to_floats(const std::vector<Bf16>& values) {
  Floats out;
  for (Bf16 v : values) out.push_back(to_float(v));
  return out;
}

std::vector<std::vector<Bf16>> all_to_bf16(const std::vector<Floats>& arrays) {
  std::vector<std::vector<Bf16>> out;
  for (const Floats& values : arrays) out.push_back(to_bf16(values));
  return out;
}

// All numbers are bf16 ones. z and dz have `padding` columns more, which must become 0 and must not
// be read; a number lies behind them, which must stay.
struct Problem : test::InteractionProblem {
  int64_t padding;

  Problem(int64_t B_, int64_t F_, int64_t D_, bool self_, int64_t padding_ = 0)
      : InteractionProblem(B_, F_, D_, self_), padding(padding_) {
    for (Floats& values : x) values = to_floats(to_bf16(values));
    for (Floats& values : dx) values = to_floats(to_bf16(values));
    dz = to_floats(to_bf16(dz));
  }
  int64_t stored() const { return cols() + padding; }
  size_t count() const { return static_cast<size_t>(F); }
  DeviceVector<Bf16Feature> features(const std::vector<DeviceVector<Bf16>>& memory) const {
    std::vector<Bf16Feature> list;
    for (int64_t f = 0; f < F; ++f) list.push_back({memory[f].data(), stride(f)});
    return list;
  }
  std::vector<DeviceVector<Bf16>> on_device(const std::vector<Floats>& arrays) const {
    const auto values = all_to_bf16(arrays);
    return {values.begin(), values.end()};
  }

  void forward() {
    const auto memory = on_device(x);
    const auto list = features(memory);
    DeviceVector<Bf16> out(std::vector<Bf16>(static_cast<size_t>(B * stored() + 1), Bf16{1234}));
    interaction_forward({out.data(), {B, stored()}}, {list.data(), count()}, D, self, CudaStream{});
    const std::vector<Bf16> got = out.get();
    EXPECT_EQ(got.back().bits, 1234);
    z.clear();
    for (int64_t b = 0; b < B; ++b) {
      for (int64_t c = 0; c < stored(); ++c) {
        const Bf16 v = got[static_cast<size_t>(b * stored() + c)];
        if (c < cols()) {
          z.push_back(to_float(v));
        } else {
          EXPECT_EQ(v.bits, 0) << "padding";
        }
      }
    }
  }
  void backward() {
    const auto memory = on_device(x);
    const auto list = features(memory);
    auto out = on_device(dx);
    std::vector<Bf16FeatureGrad> grads;
    for (int64_t f = 0; f < F; ++f) grads.push_back({out[f].data(), stride(f), accumulate[f]});
    const DeviceVector<Bf16FeatureGrad> grad_list(grads);
    Floats padded;
    for (int64_t b = 0; b < B; ++b) {
      padded.insert(padded.end(), dz.begin() + b * cols(), dz.begin() + (b + 1) * cols());
      padded.insert(padded.end(), static_cast<size_t>(padding), std::nanf(""));
    }
    const DeviceVector<Bf16> in(to_bf16(padded));
    interaction_backward({grad_list.data(), count()}, {in.data(), {B, stored()}},
                         {list.data(), count()}, D, self, CudaStream{});
    for (int64_t f = 0; f < F; ++f) dx[f] = to_floats(out[f].get());
  }
};

// The bound of fp32 sums of `terms` terms, and half a unit of the last bit of a bf16 number.
void expect_rounded(std::span<const float> got, std::span<const test::Exact> want, int64_t terms) {
  constexpr double kEps = 0x1p-23, kHalfUnit = 0x1p-8;
  for (size_t i = 0; i < want.size(); ++i) {
    const double sum_error = test::bound_k(terms) * kEps * want[i].magnitude;
    const double bound = sum_error + kHalfUnit * (std::abs(want[i].value) + sum_error);
    ASSERT_TRUE(std::abs(got[i] - want[i].value) <= bound)
        << "element " << i << ": got " << got[i] << ", expected " << want[i].value;
  }
}

void expect_matches(Problem p) {
  SCOPED_TRACE(fmt::format("F {} D {} self {} B {} padding {}", p.F, p.D, p.self, p.B, p.padding));
  const auto before = p.dx;
  p.forward();
  p.backward();
  for (int64_t b = 0; b < p.B; ++b) {
    const float* z = p.z.data() + b * p.cols();
    expect_rounded({z, static_cast<size_t>(p.cols())},
                   reference::interaction(p.sample(p.x, b), p.self), p.D);
    const float* dz = p.dz.data() + b * p.cols();
    const auto want = reference::interaction_backward({dz, dz + p.cols()}, p.sample(p.x, b), p.self,
                                                      p.sample(before, b), p.accumulate);
    for (int64_t f = 0; f < p.F; ++f) {
      const float* row = p.dx[f].data() + b * p.stride(f);
      expect_rounded({row, static_cast<size_t>(p.D)}, want[f], p.F + 1);
      const float* gap = before[f].data() + b * p.stride(f);
      for (int64_t k = p.D; k < p.stride(f); ++k) ASSERT_EQ(row[k], gap[k]) << "between rows";
    }
  }
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

TEST(InteractionBf16Cuda, BitsDoNotDependOnTheOrderOfThreads) {
  for (int64_t F : {27, 70}) {
    Problem first(6, F, 100, false);
    first.forward();
    first.backward();
    for (uint64_t seed : {1, 2, 3}) {
      cuda_on_host::set_schedule_seed(seed);
      Problem again(6, F, 100, false);
      again.forward();
      again.backward();
      EXPECT_EQ(again.z, first.z) << F;
      EXPECT_EQ(again.dx, first.dx) << F;
    }
  }
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
