// Samples for the tests of kernels/interaction.h on all backends, and what must come out.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/interaction.h"
#include "tests/reference/interaction_ref.h"
#include "tests/support/bounds.h"

namespace hotrow::test {

// Features and gradients in rows with gaps of different sizes, so that strides are really used and
// writes into a gap show.
struct InteractionProblem {
  static constexpr float kUntouched = 12345.0f;

  int64_t B, F, D;
  bool self;
  std::vector<std::vector<float>> x, dx;
  std::vector<bool> accumulate;
  std::vector<float> z, dz;

  InteractionProblem(int64_t B_, int64_t F_, int64_t D_, bool self_)
      : B(B_), F(F_), D(D_), self(self_) {
    for (int64_t f = 0; f < F; ++f) {
      x.push_back(test_floats(B * stride(f), static_cast<uint32_t>(100 + f)));
      dx.push_back(test_floats(B * stride(f), static_cast<uint32_t>(900 + f)));
      accumulate.push_back(f % 3 == 1);
    }
    z.assign(static_cast<size_t>(B * cols()), kUntouched);
    dz = test_floats(B * cols(), 7);
  }
  int64_t cols() const { return D + interaction_pairs(F, self); }
  int64_t stride(int64_t f) const { return D + f % 4; }

  reference::SampleFeatures<float> sample(const std::vector<std::vector<float>>& from,
                                          int64_t b) const {
    reference::SampleFeatures<float> rows;
    for (int64_t f = 0; f < F; ++f) {
      const float* row = from[f].data() + b * stride(f);
      rows.emplace_back(row, row + D);
    }
    return rows;
  }

  void expect_z() const {
    for (int64_t b = 0; b < B; ++b) {
      const auto want = reference::interaction(sample(x, b), self);
      const std::span<const float> row(z.data() + b * cols(), static_cast<size_t>(cols()));
      ASSERT_TRUE(within_bound(row, want, D)) << "sample " << b;
    }
  }
  // `before`: what dx held.
  void expect_dx(const std::vector<std::vector<float>>& before) const {
    for (int64_t b = 0; b < B; ++b) {
      const float* row = dz.data() + b * cols();
      const auto want = reference::interaction_backward({row, row + cols()}, sample(x, b), self,
                                                        sample(before, b), accumulate);
      for (int64_t f = 0; f < F; ++f) expect_gradient(b, f, want[f], before[f]);
    }
  }

 private:
  void expect_gradient(int64_t b, int64_t f, std::span<const Exact> want,
                       const std::vector<float>& before) const {
    const float* row = dx[f].data() + b * stride(f);
    const std::span<const float> got(row, static_cast<size_t>(D));
    ASSERT_TRUE(within_bound(got, want, F + 1)) << "sample " << b << " feature " << f;
    const size_t gap = static_cast<size_t>(stride(f) - D) * sizeof(float);
    ASSERT_EQ(std::memcmp(row + D, before.data() + b * stride(f) + D, gap), 0)
        << "wrote between rows of feature " << f;
  }
};

}  // namespace hotrow::test
