// Samples for the tests of kernels/interaction.h on all backends, and what must come out.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/interaction.h"
#include "tests/reference/interaction_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/error_text.h"

namespace hotrow::test {

using Arrays = std::vector<std::vector<float>>;

// Of results in fp32.
struct WithinBound {
  ::testing::AssertionResult operator()(std::span<const float> got, std::span<const Exact> want,
                                        int64_t terms) const {
    return within_bound(got, want, terms);
  }
};

// Features and gradients in rows with gaps of different sizes, so that strides are really used and
// writes into a gap show.
struct InteractionProblem {
  static constexpr float kUntouched = 12345.0f;

  int64_t B, F, D;
  bool self;
  Arrays x, dx;
  std::vector<bool> accumulate;
  std::vector<size_t> owner;  // the gradient of feature f lies in dx[owner[f]]
  std::vector<float> z, dz;

  InteractionProblem(int64_t B_, int64_t F_, int64_t D_, bool self_)
      : B(B_), F(F_), D(D_), self(self_), owner(static_cast<size_t>(F)) {
    for (int64_t f = 0; f < F; ++f) {
      x.push_back(test_floats(B * stride(f), static_cast<uint32_t>(100 + f)));
      dx.push_back(test_floats(B * stride(f), static_cast<uint32_t>(900 + f)));
      accumulate.push_back(f % 3 == 1);
    }
    std::iota(owner.begin(), owner.end(), size_t{0});
    z.assign(static_cast<size_t>(B * cols()), kUntouched);
    dz = test_floats(B * cols(), 7);
  }
  int64_t cols() const { return D + interaction_pairs(F, self); }
  int64_t stride(int64_t f) const { return D + f % 4; }

  // The features after the first one share its gradient.
  void share(const std::vector<size_t>& features) {
    for (size_t i = 1; i < features.size(); ++i) {
      owner[features[i]] = features[0];
      accumulate[features[i]] = true;
    }
  }
  // Descriptors of arrays like x and dx.
  template <class T, class Array>
  std::vector<BasicFeature<T>> features(const std::vector<Array>& arrays) const {
    std::vector<BasicFeature<T>> list;
    for (int64_t f = 0; f < F; ++f) list.push_back({arrays[f].data(), stride(f)});
    return list;
  }
  template <class T, class Array>
  std::vector<BasicFeatureGrad<T>> gradients(std::vector<Array>& arrays) const {
    std::vector<BasicFeatureGrad<T>> list;
    for (size_t f = 0; f < owner.size(); ++f) {
      list.push_back(
          {arrays[owner[f]].data(), stride(static_cast<int64_t>(owner[f])), accumulate[f]});
    }
    return list;
  }

  reference::SampleFeatures<float> sample(const Arrays& from, int64_t b) const {
    reference::SampleFeatures<float> rows;
    for (int64_t f = 0; f < F; ++f) {
      const float* row = from[f].data() + b * stride(f);
      rows.emplace_back(row, row + D);
    }
    return rows;
  }
  std::span<const float> row(const std::vector<float>& of, int64_t b) const {
    return {of.data() + b * cols(), static_cast<size_t>(cols())};
  }
  // The gradients of a sample; `before`: what dx held. Nothing where another feature's memory is
  // used.
  std::vector<std::vector<Exact>> want_gradients(const Arrays& before, int64_t b) const {
    std::vector<bool> adds_to_before = accumulate;
    for (size_t f = 0; f < owner.size(); ++f) {
      if (owner[f] != f) adds_to_before[f] = false;
    }
    const auto g = row(dz, b);
    auto want = reference::interaction_backward({g.begin(), g.end()}, sample(x, b), self,
                                                sample(before, b), adds_to_before);
    for (size_t f = 0; f < owner.size(); ++f) {
      if (owner[f] == f) continue;
      for (size_t k = 0; k < want[f].size(); ++k) {
        want[owner[f]][k].value += want[f][k].value;
        want[owner[f]][k].magnitude += want[f][k].magnitude;
      }
      want[f].clear();
    }
    return want;
  }

  // `matches(got, want, terms)` says whether numbers are close enough.
  template <class Matches = WithinBound>
  void expect_z(const Matches& matches = {}) const {
    for (int64_t b = 0; b < B; ++b) {
      ASSERT_TRUE(matches(row(z, b), reference::interaction(sample(x, b), self), D)) << b;
    }
  }
  template <class Matches = WithinBound>
  void expect_dx(const Arrays& before, const Matches& matches = {}) const {
    for (int64_t b = 0; b < B; ++b) {
      const auto want = want_gradients(before, b);
      for (int64_t f = 0; f < F; ++f) {
        const float* got = dx[f].data() + b * stride(f);
        const auto size = want[f].size();
        ASSERT_TRUE(matches({got, size}, want[f], F + 1)) << "sample " << b << " feature " << f;
        const size_t rest = (static_cast<size_t>(stride(f)) - size) * sizeof(float);
        ASSERT_EQ(std::memcmp(got + size, before[f].data() + b * stride(f) + size, rest), 0)
            << "wrote beside feature " << f;
      }
    }
  }
};

// Shapes that every backend refuses in the same words; `many`: columns of z, too many for two
// features of width 4.
template <class Stream>
void expect_interaction_errors(int64_t many, Stream stream) {
  std::vector<float> memory(64);
  const Feature x[] = {{memory.data(), 4}, {memory.data(), 4}};
  const FeatureGrad dx[] = {{memory.data(), 4, false}, {memory.data(), 4, false}};
  const Matrix z{memory.data(), {1, 5}}, narrow{memory.data(), {1, 4}},
      wide{memory.data(), {1, many}};
  const auto forward = [&](const Matrix& to, std::span<const Feature> from, int64_t width) {
    return error_text([&] { interaction_forward(to, from, width, false, stream); });
  };
  const auto backward = [&](std::span<const FeatureGrad> to, const Matrix& from) {
    return error_text([&] { interaction_backward(to, from, x, 4, false, stream); });
  };
  const auto wrong = [](int64_t cols) {
    return fmt::format("wrong number of columns: got {}, expected 5 (2 features of width 4)", cols);
  };
  EXPECT_EQ(forward(z, {}, 4), "[interaction] no features: got 0, expected at least 1");
  EXPECT_EQ(forward(z, x, 0), "[interaction] bad feature width: got 0, expected at least 1");
  EXPECT_EQ(forward(narrow, x, 4), "[interaction] " + wrong(4));
  EXPECT_EQ(forward(wide, x, 4), "[interaction] " + wrong(many));
  EXPECT_EQ(backward(dx, narrow), "[interaction backward] " + wrong(4));
  EXPECT_EQ(backward(dx, wide), "[interaction backward] " + wrong(many));
  EXPECT_EQ(backward(std::span(dx).first(1), z),
            "[interaction backward] wrong number of gradients: got 1, expected 2");
}

}  // namespace hotrow::test
