// Runs an InteractionProblem on the device, in fp32 or bf16, and has its results back.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/core/table_rows.h"
#include "tests/kernels/interaction_problem.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/device_memory.h"

namespace hotrow::test {

template <class T>
std::vector<T> to_stored(const std::vector<float>& values) {
  if constexpr (std::is_same_v<T, float>) {
    return values;
  } else {
    std::vector<T> out;
    for (float v : values) out.push_back(nearest_bf16(v));
    return out;
  }
}
inline std::vector<float> to_floats(std::vector<float> values) { return values; }
inline std::vector<float> to_floats(const std::vector<Bf16>& values) {
  std::vector<float> out;
  for (Bf16 v : values) out.push_back(to_float(v));
  return out;
}

// All numbers are ones that T holds. z and dz have `padding` columns more, which must become 0 and
// must not be read; a number lies behind z, which must stay.
template <class T>
struct DeviceInteraction : InteractionProblem {
  int64_t padding;

  DeviceInteraction(int64_t B_, int64_t F_, int64_t D_, bool self_, int64_t padding_ = 0)
      : InteractionProblem(B_, F_, D_, self_), padding(padding_) {
    for (Arrays* arrays : {&x, &dx}) {
      for (std::vector<float>& values : *arrays) values = to_floats(to_stored<T>(values));
    }
    dz = to_floats(to_stored<T>(dz));
  }
  int64_t stored_cols() const { return cols() + padding; }

  static std::vector<DeviceVector<T>> on_device(const Arrays& arrays) {
    std::vector<DeviceVector<T>> memory;
    for (const std::vector<float>& values : arrays) memory.emplace_back(to_stored<T>(values));
    return memory;
  }

  void forward() {
    const auto memory = on_device(x);
    const DeviceVector<BasicFeature<T>> list(features<T>(memory));
    const std::vector<float> before(static_cast<size_t>(B * stored_cols() + 1), kUntouched);
    DeviceVector<T> out(to_stored<T>(before));
    interaction_forward({out.data(), {B, stored_cols()}}, {list.data(), list.size()}, D, self,
                        CudaStream{});
    const std::vector<float> got = to_floats(out.get());
    EXPECT_EQ(got.back(), to_floats(to_stored<T>({kUntouched}))[0]);
    for (int64_t b = 0; b < B; ++b) {
      const float* row = got.data() + b * stored_cols();
      std::copy_n(row, cols(), z.begin() + b * cols());
      for (int64_t c = cols(); c < stored_cols(); ++c) EXPECT_EQ(row[c], 0.0f) << "padding";
    }
  }
  void backward() {
    const auto memory = on_device(x);
    const DeviceVector<BasicFeature<T>> list(features<T>(memory));
    auto out = on_device(dx);
    const DeviceVector<BasicFeatureGrad<T>> grads(gradients<T>(out));
    std::vector<float> padded;
    for (int64_t b = 0; b < B; ++b) {
      padded.insert(padded.end(), row(dz, b).begin(), row(dz, b).end());
      padded.insert(padded.end(), static_cast<size_t>(padding), std::nanf(""));
    }
    const DeviceVector<T> in(to_stored<T>(padded));
    interaction_backward({grads.data(), grads.size()}, {in.data(), {B, stored_cols()}},
                         {list.data(), list.size()}, D, self, CudaStream{});
    for (size_t f = 0; f < dx.size(); ++f) dx[f] = to_floats(out[f].get());
  }
};

// Runs copies of a problem in other orders of threads.
template <class Problem>
void expect_same_bits_in_any_order(const Problem& problem) {
  Problem first = problem;
  first.forward();
  first.backward();
  for (uint64_t seed : {1, 2, 3}) {
    cuda_on_host::set_schedule_seed(seed);
    Problem again = problem;
    again.forward();
    again.backward();
    EXPECT_EQ(again.z, first.z) << problem.F;
    EXPECT_EQ(again.dx, first.dx) << problem.F;
  }
}

// Features whose gradients share memory: side by side, far apart, in one tile and in several, the
// first feature among them.
template <class Problem>
std::vector<Problem> problems_with_shared_gradients() {
  std::vector<Problem> problems;
  for (int64_t D : {5, 64, 100}) {
    Problem one(9, 28, D, false);
    one.share({0, 1, 27});
    one.share({4, 9, 10, 11, 20});
    one.share({7, 8});
    problems.push_back(one);
    Problem several(3, 140, D, true);  // squares of features
    several.share({2, 40, 70, 139});
    several.share({31, 32, 33});
    several.share({60, 65});
    problems.push_back(several);
    Problem all(2, 28, D, false);
    all.share({0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
               14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27});
    problems.push_back(all);
  }
  return problems;
}

}  // namespace hotrow::test
